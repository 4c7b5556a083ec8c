//! Accounts as they were opened, and the mailboxes made of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::id;
use super::tokens::Rotations;
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
}

/// What the store says of a mailbox, and what was made of it.
struct Known {
    sealed: Sealed,
    /// What we had sealed anew: the store may show it for a moment longer.
    before: Option<Sealed>,
    /// None for what does not open, so that it is complained of once.
    one: Option<One>,
}

/// One mailbox. As long as its account stays the same, so does its source of tokens: a watch that has one goes on.
struct One {
    account: Account,
    mailbox: Mailbox,
    source: Option<Arc<TokenSource>>,
}

impl Known {
    fn is(&self, sealed: &Sealed) -> bool {
        self.sealed == *sealed || self.before.as_ref() == Some(sealed)
    }

    fn source(&self) -> Option<&Arc<TokenSource>> {
        self.one.as_ref()?.source.as_ref()
    }
}

impl Opened {
    /// Nothing is open.
    pub(super) fn new(vault: Vault, roots: Roots, rotations: Arc<Rotations>, patience: Duration) -> Self {
        Self { vault, roots, rotations, patience, people: BTreeMap::new(), left: BTreeMap::new() }
    }

    /// Opens what is new or has changed, and forgets what is gone; gives all that can be watched, and how many cannot.
    pub(super) fn follow(&mut self, sealed: &Mailboxes) -> (Vec<Mailbox>, usize) {
        self.take_leave(sealed);
        for (who, sealed) in sealed {
            if let Some((_, known)) = self.left.remove(who) {
                self.people.insert(*who, known);
            }
            if !self.people.get(who).is_some_and(|known| known.is(sealed)) {
                let known = Known { sealed: sealed.clone(), before: None, one: self.open(*who, sealed) };
                self.people.insert(*who, known);
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
            source.settled().await;
        }
    }

    fn open(&self, who: RecipientId, sealed: &Sealed) -> Option<One> {
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
                (Credentials::Token(Arc::clone(&source) as Arc<dyn Tokens>), Some(source))
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

    fn source(&self, who: RecipientId, consent: &OAuth) -> Option<Arc<TokenSource>> {
        let unusable = || tracing::error!(mailbox = %id(who), "a mailbox cannot be watched: its token server has no https address");
        let grant = Grant {
            endpoint: consent.token_url.parse().inspect_err(|_| unusable()).ok()?,
            client_id: consent.client_id.clone(),
            client_secret: consent.client_secret.clone(),
            refresh_token: consent.refresh_token.clone(),
            scope: consent.scope.clone(),
            deadline: self.patience,
        };
        let source = TokenSource::new(grant, self.roots.clone(), self.rotations.of(who));
        source.inspect_err(|_| unusable()).ok().map(Arc::new)
    }

    /// The account of a mailbox with a new refresh token, sealed, and what was sealed before; none if the mailbox has not
    /// been watched here for long.
    pub(super) fn with_token(&self, who: RecipientId, token: &Secret) -> Option<(Sealed, Account, Sealed)> {
        let known = self.people.get(&who).or_else(|| self.left.get(&who).map(|(_, known)| known))?;
        let mut account = known.one.as_ref()?.account.clone();
        let Access::OAuth(consent) = &mut account.access else { return None };
        consent.refresh_token = token.clone();
        let fresh = self.vault.seal(who, &account);
        let fresh =
            fresh.inspect_err(|error| tracing::error!(%error, "a refresh token cannot be sealed")).ok()?;
        Some((known.sealed.clone(), account, fresh))
    }

    /// The store holds this now; whoever watches knows the token already.
    pub(super) fn resealed(&mut self, who: RecipientId, fresh: Sealed, account: Account) {
        let left = self.left.get_mut(&who).map(|(_, known)| known);
        let Some(known) = self.people.get_mut(&who).or(left) else { return };
        known.before = Some(std::mem::replace(&mut known.sealed, fresh));
        if let Some(one) = &mut known.one {
            one.account = account;
        }
    }
}
