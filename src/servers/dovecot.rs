//! Dovecot's event exporter: one event per request, in the words of its `event_exporter` with `format = json`.
//!
//! What an event says, as captured from Dovecot 2.3.19 (2.4 sends the same, with `protocol` for `service`):
//!
//! | event | says |
//! | --- | --- |
//! | `auth_request_finished` with `success=yes` | [`Login`](Deed::Login); a failed login has no such field and says nothing |
//! | `imap_command_finished` | see below; a command that was refused says nothing |
//! | `mail_user_session_finished` | nothing: a person has several clients, and one of them hanging up is not leaving |
//! | `mail_opened`, `mail_expunged`, … | nothing: their command tells better |
//!
//! | command | says |
//! | --- | --- |
//! | `STORE` that sets `\Seen`; `FETCH` of one mail's body without `PEEK`, which sets it, too | [`Read`](Deed::Read) |
//! | `STORE` of other flags, `MOVE`, `COPY`, `EXPUNGE` | [`Act`](Deed::Act) |
//! | `STORE` of nothing but marks that clients set by themselves (`NonJunk`, `$MDNSent`) | [`Sync`](Deed::Sync) |
//! | `APPEND` to a folder | [`Write`](Deed::Write): a draft, or what was sent |
//! | `APPEND` to INBOX | [`Change`](Deed::Change): fetchers and migrations deliver that way, nobody writes there |
//! | `FETCH` of anything else (flags, headers, `BODY.PEEK`, or of many mails at once), `SELECT`, `IDLE`, `NOOP`, `STATUS`, `SEARCH`, … | [`Sync`](Deed::Sync) |
//! | `LOGOUT`, `CAPABILITY`, `ID`, … | nothing |
//!
//! An exporter whose filter lets only one thing through may say so in its URL (`?kind=read`) and keep the command's
//! arguments to itself: then that word holds for commands and logins.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::people::Login;
use super::text::{mentions, parameter, text, texts};
use super::{Said, Unheard, moment, words};
use crate::model::{Deed, Source};

/// Protocols whose logins are people's; `lmtp` and `doveadm` are not.
const PROTOCOLS: [&str; 6] = ["imap", "pop3", "submission", "smtp", "sieve", "managesieve"];

/// One event.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "event")]
    name: String,
    #[serde(default, deserialize_with = "moment")]
    end_time: Option<Timestamp>,
    #[serde(default)]
    fields: Fields,
}

/// Its fields, as far as they say something here. Which of them are sent is the operator's choice.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(deserialize_with = "text")]
    user: Option<String>,
    #[serde(deserialize_with = "text")]
    original_user: Option<String>,
    #[serde(deserialize_with = "text")]
    master_user: Option<String>,
    #[serde(deserialize_with = "text")]
    service: Option<String>,
    #[serde(deserialize_with = "text")]
    protocol: Option<String>,
    #[serde(deserialize_with = "text")]
    session: Option<String>,
    #[serde(deserialize_with = "text")]
    remote_ip: Option<String>,
    #[serde(deserialize_with = "text")]
    client_id: Option<String>,
    #[serde(deserialize_with = "text")]
    success: Option<String>,
    #[serde(deserialize_with = "text")]
    cmd_name: Option<String>,
    #[serde(deserialize_with = "text")]
    cmd_args: Option<String>,
    #[serde(deserialize_with = "text")]
    tagged_reply_state: Option<String>,
    #[serde(deserialize_with = "text")]
    mailbox: Option<String>,
    reason_code: Value,
}

/// What an event says.
pub(super) fn read(query: &str, body: &[u8]) -> Result<Said, Unheard> {
    let Event { name, end_time, fields } = serde_json::from_slice(body).map_err(|_| Unheard::Unreadable)?;
    let tag = parameter(query, "kind").and_then(words::deed);
    let deed = match name.as_str() {
        "auth_request_finished" => fields.login(tag)?,
        "imap_command_finished" => fields.command(tag)?,
        "mail_user_session_finished"
        | "auth_passdb_request_finished"
        | "auth_client_request_finished"
        | "auth_master_client_login_finished"
        | "mail_opened"
        | "mail_expunge_requested"
        | "mail_expunged" => {
            return Err(Unheard::Nothing);
        }
        _ => return Err(Unheard::Unknown),
    };
    Ok(Said { who: fields.who(), source: Source::Imap, deed, at: end_time })
}

impl Fields {
    fn who(self) -> Login {
        let by_master = |original: &String| original.contains('*');
        Login {
            master: self.master_user.is_some() || self.original_user.as_ref().is_some_and(by_master),
            user: self.user.unwrap_or_default(),
            client: self.remote_ip.and_then(|address| address.parse().ok()),
            client_id: self.client_id,
            session: self.session,
        }
    }

    /// Only a success says `success`; without that field the exporter's own word counts.
    fn login(&self, tag: Option<Deed>) -> Result<Deed, Unheard> {
        let protocol = self.service.as_ref().or(self.protocol.as_ref());
        let of_people = protocol.is_none_or(|name| PROTOCOLS.contains(&name.as_str()));
        let succeeded = self.success.as_deref().map_or(tag.is_some(), |success| success == "yes");
        if of_people && succeeded { Ok(tag.unwrap_or(Deed::Login)) } else { Err(Unheard::Nothing) }
    }

    fn command(&self, tag: Option<Deed>) -> Result<Deed, Unheard> {
        if self.tagged_reply_state.as_ref().is_some_and(|state| state != "OK") {
            return Err(Unheard::Nothing);
        }
        match tag {
            Some(deed) => Ok(deed),
            None => self.meaning(),
        }
    }

    fn meaning(&self) -> Result<Deed, Unheard> {
        let name = self.cmd_name.as_deref().unwrap_or_default().to_ascii_uppercase();
        Ok(match name.strip_prefix("UID ").unwrap_or(&name) {
            "STORE" => self.cmd_args.as_deref().map_or(Deed::Act, stored),
            "FETCH" => self.fetched(),
            "COPY" | "MOVE" | "EXPUNGE" => Deed::Act,
            "APPEND" | "REPLACE" => self.appended(),
            "SELECT" | "EXAMINE" | "IDLE" | "NOOP" | "CHECK" | "CLOSE" | "UNSELECT" | "STATUS" | "LIST"
            | "LSUB" | "SEARCH" | "ESEARCH" | "SORT" | "THREAD" | "NOTIFY" | "CREATE" | "DELETE"
            | "RENAME" | "SUBSCRIBE" | "UNSUBSCRIBE" => Deed::Sync,
            _ => return Err(Unheard::Nothing),
        })
    }

    /// Readers fetch the body of the one mail they show. Clients that fetch ahead say `PEEK`, as nobody has seen the
    /// mail; those that fetch many at once make a copy.
    fn fetched(&self) -> Deed {
        let Some(args) = self.cmd_args.as_deref() else { return Deed::Sync };
        let (mails, items) = args.split_once(' ').unwrap_or((args, ""));
        let reasons = texts(&self.reason_code);
        let body = if reasons.is_empty() { names_body(items) } else { reasons.contains(&"imap:fetch_body") };
        let one = !mails.contains([':', ',', '*', '$']);
        if body && one && !mentions(items, "peek") { Deed::Read } else { Deed::Sync }
    }

    fn appended(&self) -> Deed {
        let args = self.cmd_args.as_deref().unwrap_or_default();
        let folder = self.mailbox.as_deref().or_else(|| args.split(' ').next()).unwrap_or_default();
        let folder = folder.trim_matches('"');
        if folder.is_empty() || folder.eq_ignore_ascii_case("INBOX") { Deed::Change } else { Deed::Write }
    }
}

/// Whether these fetch items are a mail's text, where the server does not say so itself.
fn names_body(items: &str) -> bool {
    let words = items.split([' ', '(', ')']);
    words.filter(|word| !mentions(word, "header")).any(|word| {
        let is = |name: &str| word.eq_ignore_ascii_case(name);
        is("RFC822") || is("RFC822.TEXT") || mentions(word, "body[")
    })
}

/// What the flags of a STORE say.
fn stored(args: &str) -> Deed {
    /// Marks of clients' own junk filters and receipts.
    const BY_THEMSELVES: [&str; 7] =
        ["junk", "nonjunk", "$junk", "$notjunk", "notjunk", "$mdnsent", "\\recent"];
    // UIDs, `+FLAGS.SILENT`, `(\Seen`, `…)`.
    let mut words = args.split([' ', '(', ')']).filter(|word| !word.is_empty()).skip(1);
    let adds = words.next().is_none_or(|how| !how.starts_with('-'));
    let flags: Vec<_> = words.map(str::to_ascii_lowercase).collect();
    if adds && flags.iter().any(|flag| flag == "\\seen") {
        Deed::Read
    } else if !flags.is_empty() && flags.iter().all(|flag| BY_THEMSELVES.contains(&flag.as_str())) {
        Deed::Sync
    } else {
        Deed::Act
    }
}

#[cfg(test)]
mod tests;
