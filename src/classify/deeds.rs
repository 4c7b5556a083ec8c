//! What servers report that are trusted: a person's own act fires, what mail clients do by themselves at most hints.
//!
//! A mail client logs in, opens folders, fetches what is new and idles all night without anybody near it, so none of that
//! is presence; but somebody who reads, moves, answers or deletes a mail is there.

use crate::model::{Class, Deed, HintKind, Judgement, Presence, Source, Verdict};

/// What a deed is worth.
pub(super) fn judge(source: Source, deed: Deed) -> Judgement {
    use Deed::{Act, Active, Change, Leave, Login, Read, Sync, Visible, Write};
    let (class, confidence, reason) = match (deed, source) {
        (Read, _) => (Class::Human, 0.9, "deed:read"),
        (Act, _) => (Class::Human, 0.9, "deed:act"),
        (Write, _) => (Class::Human, 0.9, "deed:write"),
        (Active, _) => (Class::Human, 0.95, "deed:active"),
        // To a portal or a webmail people log in by hand.
        (Login, Source::Webmail | Source::Portal) => (Class::Human, 0.95, "deed:login"),
        (Visible, _) => (Class::Human, 0.7, "deed:visible"),
        (Login, _) => (Class::Unknown, 0.4, "deed:login"),
        (Sync, _) => (Class::Unknown, 0.35, "deed:sync"),
        (Change, _) => (Class::Unknown, 0.1, "deed:change"),
        (Leave, _) => (Class::Human, 0.9, "deed:leave"),
    };
    let presence = match (deed, confidence >= 0.75) {
        (Leave, _) => Presence::No,
        (_, true) => Presence::Yes,
        (_, false) => Presence::Weak,
    };
    let fires = presence == Presence::Yes;
    let kind = match source {
        Source::Webmail => HintKind::Webmail,
        Source::Portal | Source::Beacon => HintKind::Page,
        _ => HintKind::Mailbox,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    let hint = (confidence * 100.0_f32).round() as u8;
    let verdict = Verdict { class, confidence, reason, open: false, presence, fires, hint };
    let judgement = Judgement::new(kind, verdict);
    if deed == Leave { judgement.for_statistics() } else { judgement }
}
