//! Accounts as they were opened, and the mailboxes made of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::id;
use super::tokens::{Of, Rotations};
use crate::model::{Mailboxes, RecipientId, Sealed};
use crate::redact::Secret;
use crate::secrets::{Access, Account, OAuth, Protection, Vault};
use crate::watch::imap::{Credentials, Grant, Mailbox, Roots, Tls, TokenSource, Tokens};

/// How long after a token server's deadline it is remembered who had asked it: until the store has what came.
const AFTERWARDS: Duration = Duration::from_mins(1);

/// What is watched here, opened.
pub(super) struct Opened {
    vault: Vault,
    roots: Roots,
    rotations: Arc<Rotations>,
    /// Until a token server must have answered.
    patience: Duration,
    people: BTreeMap<RecipientId, Known>,
    /// Who is not watched here any more, and until when: a refresh token that was asked for may still come, and they may.
    left: BTreeMap<RecipientId, (Instant, Known)>,
    /// Sources of tokens that were made.
    sources: u64,
}

/// What the store says of a mailbox, and what was made of it.
struct Known {
    /// What it was opened from, and what we sealed since, the newest last: the store has one of them, and which is not sure
    /// while it has not answered.
    ours: Vec<Sealed>,
    /// The refresh token in the newest, if we sealed it.
    token: Option<Secret>,
    /// None for what does not open, so that it is complained of once.
    one: Option<One>,
}

/// One mailbox. As long as its account stays the same, so does its source of tokens: a watch that has one goes on.
struct One {
    account: Account,
    mailbox: Mailbox,
    source: Option<Source>,
}

/// A source of tokens, and its number among all that were made here.
struct Source {
    number: u64,
    tokens: Arc<TokenSource>,
}

impl Known {
    /// How many of ours are remembered.
    const OURS: usize = 8;

    fn is(&self, sealed: &Sealed) -> bool {
        self.ours.contains(sealed)
    }

    fn source(&self) -> Option<&Source> {
        self.one.as_ref()?.source.as_ref()
    }

    fn seal(&mut self, who: RecipientId, token: &Secret, vault: &Vault) -> Option<()> {
        let one = self.one.as_mut()?;
        let Access::OAuth(consent) = &mut one.account.access else { return None };
        consent.refresh_token = token.clone();
        let fresh = vault.seal(who, &one.account);
        let fresh =
            fresh.inspect_err(|error| tracing::error!(%error, "a refresh token cannot be sealed")).ok()?;
        self.ours.drain(..self.ours.len().saturating_sub(Self::OURS - 1));
        self.ours.push(fresh);
        self.token = Some(token.clone());
        Some(())
    }
}

impl Opened {
    /// Nothing is open.
    pub(super) fn new(vault: Vault, roots: Roots, rotations: Arc<Rotations>, patience: Duration) -> Self {
        let (people, left) = (BTreeMap::new(), BTreeMap::new());
        Self { vault, roots, rotations, patience, people, left, sources: 0 }
    }

    /// Opens what is new or has changed, and forgets what is gone; gives all that can be watched, and how many cannot.
    pub(super) fn follow(&mut self, sealed: &Mailboxes) -> (Vec<Mailbox>, usize) {
        self.take_leave(sealed);
        for (who, sealed) in sealed {
            if let Some((_, known)) = self.left.remove(who) {
                self.people.insert(*who, known);
            }
            if !self.people.get(who).is_some_and(|known| known.is(sealed)) {
                let one = self.open(*who, sealed);
                self.people.insert(*who, Known { ours: vec![sealed.clone()], token: None, one });
            }
        }
        let open: Vec<_> = self
            .people
            .values()
            .filter_map(|known| known.one.as_ref().map(|one| one.mailbox.clone()))
            .collect();
        let unreadable = self.people.len() - open.len();
        (open, unreadable)
    }

    /// Sets aside who is gone, and forgets for good who has been for long.
    fn take_leave(&mut self, sealed: &Mailboxes) {
        let now = Instant::now();
        self.left.retain(|_, (until, _)| now < *until);
        let until = now + self.patience + AFTERWARDS;
        let gone = self.people.extract_if(.., |who, _| !sealed.contains_key(who));
        let trades = gone.filter(|(_, known)| known.source().is_some());
        self.left.extend(trades.map(|(who, known)| (who, (until, known))));
    }

    /// Waits until no token server is asked.
    pub(super) async fn settled(&self) {
        let left = self.left.values().map(|(_, known)| known);
        for source in self.people.values().chain(left).filter_map(Known::source) {
            source.tokens.settled().await;
        }
    }

    /// When somebody who is gone has been for long.
    pub(super) fn next_leave(&self) -> Option<Instant> {
        self.left.values().map(|(until, _)| *until).min()
    }

    fn open(&mut self, who: RecipientId, sealed: &Sealed) -> Option<One> {
        let mailbox = id(who);
        let account = match self.vault.open(who, sealed) {
            Ok(account) => account,
            Err(error) => {
                tracing::error!(%mailbox, %error, "a mailbox cannot be watched");
                return None;
            }
        };
        let (credentials, source) = match &account.access {
            Access::Password(password) => (Credentials::Password(password.clone()), None),
            Access::OAuth(consent) => {
                let source = self.source(who, consent)?;
                (Credentials::Token(Arc::clone(&source.tokens) as Arc<dyn Tokens>), Some(source))
            }
        };
        let mailbox = Mailbox {
            id: mailbox,
            host: account.host.clone(),
            port: account.port,
            tls: match account.tls {
                Protection::Implicit => Tls::Implicit,
                Protection::StartTls => Tls::StartTls,
                Protection::None => Tls::None,
            },
            user: account.user.expose().to_owned(),
            credentials,
        };
        Some(One { account, mailbox, source })
    }

    fn source(&mut self, who: RecipientId, consent: &OAuth) -> Option<Source> {
        let unusable = || tracing::error!(mailbox = %id(who), "a mailbox cannot be watched: its token server has no https address");
        let grant = Grant {
            endpoint: consent.token_url.parse().inspect_err(|_| unusable()).ok()?,
            client_id: consent.client_id.clone(),
            client_secret: consent.client_secret.clone(),
            refresh_token: consent.refresh_token.clone(),
            scope: consent.scope.clone(),
            deadline: self.patience,
        };
        self.sources += 1;
        let number = self.sources;
        let tokens = TokenSource::new(grant, self.roots.clone(), self.rotations.of((who, number)));
        Some(Source { number, tokens: Arc::new(tokens.inspect_err(|_| unusable()).ok()?) })
    }

    /// The account of a mailbox with this refresh token, sealed, and behind it what else the store may have of it; none if
    /// the mailbox was registered anew, or has not been watched here for long. The same token is sealed once.
    pub(super) fn with_token(&mut self, (who, number): Of, token: &Secret) -> Option<(Sealed, Vec<Sealed>)> {
        let left = self.left.get_mut(&who).map(|(_, known)| known);
        let mut both = self.people.get_mut(&who).into_iter().chain(left);
        let known = both.find(|known| known.source().is_some_and(|source| source.number == number))?;
        if known.token.as_ref() != Some(token) {
            known.seal(who, token, &self.vault)?;
        }
        let (fresh, before) = known.ours.split_last()?;
        Some((fresh.clone(), before.iter().rev().cloned().collect()))
    }
}

#[cfg(test)]
mod tests;
