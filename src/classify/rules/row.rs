//! The words the table is written in.

use super::super::agents::Kind;
use super::super::facts::Facts;
use super::super::networks::{Operator, Scope, Tag};
use super::SUREST;
use crate::model::{Class, HintKind, Presence, Source};

/// A row, before thresholds and ages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) class: Class,
    pub(super) sure: f32,
    pub(super) reason: &'static str,
    pub(super) presence: Presence,
    /// As a hint, in percent; 0 is nothing.
    pub(super) hint: u8,
}

pub(super) const fn machine(class: Class, sure: f32, reason: &'static str) -> Row {
    Row { class, sure, reason, presence: Presence::No, hint: 0 }
}

pub(super) const fn person(class: Class, sure: f32, reason: &'static str) -> Row {
    Row { class, sure, reason, presence: Presence::Yes, hint: 0 }
}

pub(super) const fn weak(class: Class, sure: f32, reason: &'static str) -> Row {
    Row { class, sure, reason, presence: Presence::Weak, hint: 0 }
}

pub(super) const fn unknown(sure: f32, reason: &'static str) -> Row {
    Row { class: Class::Unknown, sure, reason, presence: Presence::No, hint: 0 }
}

/// What sort of sign a request is.
pub(super) fn kind(facts: &Facts) -> HintKind {
    match facts.source {
        Source::Click => HintKind::Click,
        Source::Partner => HintKind::Partner,
        Source::Beacon | Source::Portal => HintKind::Page,
        Source::Imap => HintKind::Mailbox,
        Source::Webmail => HintKind::Webmail,
        Source::Open => HintKind::Image,
    }
}

pub(super) fn is_human(kind: Kind) -> bool {
    matches!(kind, Kind::Browser | Kind::BareWebkit | Kind::MailClient | Kind::OutlookMobile)
}

/// Whether it comes from where mail is filtered, or from Microsoft, where everything is.
pub(super) fn is_filtered(facts: &Facts) -> bool {
    let filter = |tag: Tag| tag.is_gateway() && in_scope(&tag, facts) || tag.operator == Operator::Microsoft;
    facts.network.is_some_and(filter)
}

pub(super) fn is_from(facts: &Facts, operator: Operator) -> bool {
    facts.network.is_some_and(|tag| tag.operator == operator)
}

pub(super) fn in_scope(tag: &Tag, facts: &Facts) -> bool {
    match tag.scope {
        Scope::All => true,
        Scope::Clicks => !facts.is_image(),
        Scope::Pixels => facts.is_image(),
    }
}

/// A confidence as whole percents.
pub(super) fn percent(sure: f32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 99")]
    let percent = (sure.clamp(0.0, SUREST) * 100.0).round() as u8;
    percent
}
