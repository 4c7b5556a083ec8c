//! Who it is: from the name somebody logs in with to a recipient, and whom to ignore.

use std::net::IpAddr;
use std::time::Duration;

use moka::sync::Cache;

use super::Unheard;
use super::text::mentions;
use crate::config::{self, Network};
use crate::model::{Deed, RecipientId};
use crate::token::Identity;

/// No session lasts longer than this without logging in again.
const SESSION: Duration = Duration::from_hours(24);

/// Sessions that are remembered as ignored, at most: some 100 bytes each.
const SESSIONS: u64 = 20_000;

/// Longest name of a session that is remembered; Dovecot's have 16 characters.
const LONGEST_SESSION: usize = 64;

/// Who did something, in the server's words. Not `Debug`: it holds an address.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) client: Option<IpAddr>,
    /// What the client calls itself.
    pub(super) client_id: Option<String>,
    pub(super) session: Option<String>,
    /// Somebody else logged in on the user's behalf.
    pub(super) master: bool,
}

/// Knows people by the names they log in with.
#[derive(Debug)]
pub(super) struct People {
    identity: Identity,
    ignore: config::Ignore,
    webmails: Vec<Network>,
    domain: String,
    /// Sessions to ignore: only the login tells of a master user and of the client's name.
    muted: Cache<String, ()>,
}

impl People {
    pub(super) fn new(settings: &config::Signals, identity: Identity) -> Self {
        let lower = |words: &[String]| words.iter().map(|word| word.trim().to_lowercase()).collect();
        let ignore = config::Ignore {
            addresses: settings.ignore.addresses.clone(),
            users: lower(&settings.ignore.users),
            client_ids: lower(&settings.ignore.client_ids),
        };
        Self {
            identity,
            ignore,
            webmails: settings.webmail_addresses.clone(),
            domain: settings.domain.trim_start_matches('@').to_owned(),
            muted: Cache::builder().max_capacity(SESSIONS).time_to_live(SESSION).build(),
        }
    }

    /// The recipient.
    ///
    /// # Errors
    /// [`Unheard::Ignored`], also for all that follows in the same session; [`Unheard::Nobody`] if the name is no address.
    pub(super) fn identify(&self, login: &Login) -> Result<RecipientId, Unheard> {
        let session = login.session.as_ref().filter(|name| name.len() <= LONGEST_SESSION);
        if session.is_some_and(|name| self.muted.contains_key(name)) {
            return Err(Unheard::Ignored);
        }
        if self.ignores(login) {
            if let Some(name) = session {
                self.muted.insert(name.clone(), ());
            }
            return Err(Unheard::Ignored);
        }
        let whole = login.user.contains('@') || self.domain.is_empty();
        let address = if whole { login.user.clone() } else { format!("{}@{}", login.user, self.domain) };
        self.identity.of_address(&address).map_err(|_| Unheard::Nobody)
    }

    /// What the deed is where webmails are known: most log in anew at every click.
    pub(super) fn deed(&self, login: &Login, deed: Deed) -> Deed {
        let at_webmail = |client: IpAddr| self.webmails.iter().any(|network| network.contains(client));
        if deed == Deed::Login && login.client.is_some_and(at_webmail) { Deed::Active } else { deed }
    }

    fn ignores(&self, login: &Login) -> bool {
        let Login { user, client, client_id, master, .. } = login;
        // `alice*admin`: the master user's name behind the separator that Dovecot's manual proposes.
        let master = *master || user.contains('*');
        let user = user.trim().to_lowercase();
        master
            || self.ignore.users.contains(&user)
            || client
                .is_some_and(|client| self.ignore.addresses.iter().any(|network| network.contains(client)))
            || client_id
                .as_ref()
                .is_some_and(|id| self.ignore.client_ids.iter().any(|part| mentions(id, part)))
    }
}
