//! `[brands.NAME.relay]`: what a brand has otherwise than `[relay]`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::span::optional;
use super::{Relay, RelayTimeouts};
use crate::redact::Secret;

/// A brand's own relay: the keys of `[relay]`, each of which may be left out and is then that of `[relay]`. Only who
/// logs in belongs to the server: where `url` is given, `user` and `password` are not taken over, so that nobody's
/// password is shown to somebody else's server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnRelay {
    /// As [`Relay::url`].
    pub url: Option<String>,
    /// As [`Relay::user`].
    pub user: Option<String>,
    /// As [`Relay::password`]; set it as `VIGIE__BRANDS__NAME__RELAY__PASSWORD`.
    pub password: Option<Secret>,
    /// As [`Relay::hello`].
    pub hello: Option<String>,
    /// As [`Relay::ca`].
    pub ca: Option<PathBuf>,
    /// As [`Relay::connections`].
    pub connections: Option<usize>,
    /// As [`Relay::idle`].
    #[serde(deserialize_with = "optional")]
    pub idle: Option<Duration>,
    /// As [`Relay::max_age`].
    #[serde(deserialize_with = "optional")]
    pub max_age: Option<Duration>,
    /// As [`Relay::max_mails`].
    pub max_mails: Option<u32>,
    /// As [`Relay::timeouts`].
    pub timeouts: OwnTimeouts,
}

/// `[brands.NAME.relay.timeouts]`: as [`RelayTimeouts`], each of which may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnTimeouts {
    /// As [`RelayTimeouts::connect`].
    #[serde(deserialize_with = "optional")]
    pub connect: Option<Duration>,
    /// As [`RelayTimeouts::greeting`].
    #[serde(deserialize_with = "optional")]
    pub greeting: Option<Duration>,
    /// As [`RelayTimeouts::command`].
    #[serde(deserialize_with = "optional")]
    pub command: Option<Duration>,
    /// As [`RelayTimeouts::message`].
    #[serde(deserialize_with = "optional")]
    pub message: Option<Duration>,
}

impl OwnRelay {
    /// The whole relay: these settings over those of `[relay]`.
    pub fn over(&self, general: &Relay) -> Relay {
        let nobody = || (String::new(), Secret::new(""));
        let (user, password) = match self.url {
            Some(_) => nobody(),
            None => (general.user.clone(), general.password.clone()),
        };
        Relay {
            url: self.url.as_ref().unwrap_or(&general.url).clone(),
            user: self.user.clone().unwrap_or(user),
            password: self.password.clone().unwrap_or(password),
            hello: self.hello.as_ref().unwrap_or(&general.hello).clone(),
            ca: self.ca.as_ref().or(general.ca.as_ref()).cloned(),
            connections: self.connections.unwrap_or(general.connections),
            idle: self.idle.unwrap_or(general.idle),
            max_age: self.max_age.unwrap_or(general.max_age),
            max_mails: self.max_mails.unwrap_or(general.max_mails),
            timeouts: self.timeouts.over(&general.timeouts),
        }
    }
}

impl OwnTimeouts {
    fn over(&self, general: &RelayTimeouts) -> RelayTimeouts {
        RelayTimeouts {
            connect: self.connect.unwrap_or(general.connect),
            greeting: self.greeting.unwrap_or(general.greeting),
            command: self.command.unwrap_or(general.command),
            message: self.message.unwrap_or(general.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn over(own: &str) -> (Relay, Relay) {
        let mut general = Config::load(&[], []).expect("the default file").relay;
        (general.user, general.password) = ("general".into(), Secret::new("hunter2"));
        let own: OwnRelay = toml::from_str(own).expect("keys of a relay");
        (own.over(&general), general)
    }

    #[test]
    fn what_is_left_out_is_the_general_relays() {
        let (relay, general) = over("");
        assert_eq!(relay, general);
        let (relay, general) = over("connections = 3\nidle = \"5s\"\ntimeouts.command = \"7s\"");
        assert_eq!((relay.connections, relay.idle.as_secs(), relay.timeouts.command.as_secs()), (3, 5, 7));
        assert_eq!((relay.user.as_str(), relay.timeouts.message), ("general", general.timeouts.message));
    }

    #[test]
    fn another_server_is_not_shown_the_general_password() {
        let (relay, _) = over("url = \"smtp://elsewhere.example\"");
        assert_eq!((relay.user.as_str(), relay.password.expose()), ("", ""));
        let (relay, _) = over("url = \"smtp://elsewhere.example\"\nuser = \"me\"\npassword = \"mine\"");
        assert_eq!((relay.user.as_str(), relay.password.expose()), ("me", "mine"));
        assert!(!format!("{relay:?}").contains("mine"));
    }
}
