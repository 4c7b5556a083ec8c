//! Somebody was seen: what a token, or a partner's hash, says about it.

use crate::model::{Grantee, RecipientId, SendId, Source};
use crate::token::{Purpose, Token};

/// Who was seen, and by what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting<'token> {
    pub(super) source: Source,
    pub(super) recipient: RecipientId,
    /// Whose pixel, link or page it was.
    pub(super) owner: &'token Grantee,
    /// The mail it was in.
    pub(super) send: Option<SendId>,
    /// How old that mail is, in days.
    pub(super) days: Option<u32>,
    /// Which of its links was followed.
    pub(super) link: Option<u64>,
    /// One that no person sees.
    pub(super) decoy: bool,
    /// Somebody has done something on the page.
    pub(super) activated: bool,
    /// Whether it may make anybody present.
    pub(super) presence: bool,
}

impl<'token> Sighting<'token> {
    /// What a token says.
    pub(super) fn of(source: Source, token: &Token, owner: &'token Grantee) -> Self {
        Self {
            source,
            send: token.send,
            presence: matches!(token.purpose, Purpose::Presence | Purpose::Payment),
            ..Self::of_somebody(token.recipient, owner)
        }
    }

    /// What a partner says without a token.
    pub(super) const fn of_somebody(recipient: RecipientId, owner: &'token Grantee) -> Self {
        Self {
            source: Source::Partner,
            recipient,
            owner,
            send: None,
            days: None,
            link: None,
            decoy: false,
            activated: false,
            presence: true,
        }
    }
}
