//! Accounts as they were opened, and the mailboxes made of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::id;
use super::tokens::Rotations;
use crate::model::{Mailboxes, RecipientId, Sealed};
use crate::redact::Secret;
use crate::secrets::{Access, Account, OAuth, Protection, Vault};
use crate::watch::imap::{Credentials, Grant, Mailbox, Roots, Tls, TokenSource};

/// What is watched here, opened.
pub(super) struct Opened {
    vault: Vault,
    roots: Roots,
    rotations: Arc<Rotations>,
    /// Until a token server must have answered.
    patience: Duration,
    /// None for what does not open, so that it is complained of once.
    people: BTreeMap<RecipientId, (Sealed, Option<One>)>,
}

/// One mailbox. As long as its account stays the same, so does its source of tokens: a watch that has one goes on.
struct One {
    account: Account,
    mailbox: Mailbox,
}

impl Opened {
    /// Nothing is open.
    pub(super) fn new(vault: Vault, roots: Roots, rotations: Arc<Rotations>, patience: Duration) -> Self {
        Self { vault, roots, rotations, patience, people: BTreeMap::new() }
    }

    /// Opens what is new or has changed, and forgets what is gone; gives all that can be watched, and how many cannot.
    pub(super) fn follow(&mut self, sealed: &Mailboxes) -> (Vec<Mailbox>, usize) {
        self.people.retain(|who, _| sealed.contains_key(who));
        for (who, sealed) in sealed {
            let same = self.people.get(who).is_some_and(|(known, _)| known == sealed);
            if !same {
                let one = self.open(*who, sealed);
                self.people.insert(*who, (sealed.clone(), one));
            }
        }
        let open: Vec<_> =
            self.people.values().filter_map(|(_, one)| one.as_ref().map(|one| one.mailbox.clone())).collect();
        let unreadable = self.people.len() - open.len();
        (open, unreadable)
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
        let credentials = match &account.access {
            Access::Password(password) => Credentials::Password(password.clone()),
            Access::OAuth(consent) => Credentials::Token(self.source(who, consent)?),
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
        Some(One { account, mailbox })
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

    /// The account of a mailbox with a new refresh token, sealed, and what was sealed before; none if the mailbox is not
    /// watched here any more.
    pub(super) fn with_token(&self, who: RecipientId, token: &Secret) -> Option<(Sealed, Account, Sealed)> {
        let (known, one) = self.people.get(&who)?;
        let mut account = one.as_ref()?.account.clone();
        let Access::OAuth(consent) = &mut account.access else { return None };
        consent.refresh_token = token.clone();
        let fresh = self.vault.seal(who, &account);
        let fresh =
            fresh.inspect_err(|error| tracing::error!(%error, "a refresh token cannot be sealed")).ok()?;
        Some((known.clone(), account, fresh))
    }

    /// The store holds this now; whoever watches knows the token already.
    pub(super) fn resealed(&mut self, who: RecipientId, fresh: Sealed, account: Account) {
        if let Some((sealed, Some(one))) = self.people.get_mut(&who) {
            (*sealed, one.account) = (fresh, account);
        }
    }
}
