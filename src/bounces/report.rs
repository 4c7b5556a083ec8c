//! What a mail that came back says: a pure function over foreign bytes.
//!
//! Two shapes are understood, both `multipart/report` (RFC 6522): delivery reports (RFC 3464), which name an action and a
//! status, and feedback reports (ARF, RFC 5965), which name a type. Their last part is the letter itself or its headers;
//! there stands what makes it known ([`token::sign_return`](crate::token::sign_return)). All else is no report: answers,
//! notices of absence, spam.

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::Kind;
use crate::model::MailStatus;

/// A delivery report has a line or two for each recipient, and ours have one; more than this of a field is not looked at.
const LONGEST_FIELD: usize = 1024;

/// Parts of a report that are looked at: it has three.
const PARTS: usize = 16;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What happened.
    pub kind: Kind,
    /// The status, if it names one.
    pub status: Option<MailStatus>,
    /// The words of whoever refused it: foreign text, not fit to be shown.
    pub detail: String,
    /// What the letter's header `X-Vigie-Return` says.
    pub returned: Option<String>,
    /// What its header `X-Vigie-Send` says.
    pub reference: Option<String>,
    /// The addresses the report itself names as its own, before their `@`: where it was not told who it came to.
    pub users: Vec<String>,
}

/// Reads a whole mail, or its beginning; none if it is no report, or says that all is well.
pub fn read(mail: &[u8]) -> Option<Report> {
    let message = MessageParser::default().parse(mail)?;
    let content = message.content_type().filter(|of| of.c_type.eq_ignore_ascii_case("multipart"))?;
    if !content.c_subtype.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("report")) {
        return None;
    }
    let parts = || message.parts.iter().take(PARTS);
    let of_type = |wanted: &[&str]| {
        parts().find(|part| {
            type_of(part).is_some_and(|of| wanted.iter().any(|one| of.eq_ignore_ascii_case(one)))
        })
    };
    let (kind, status, detail) = if let Some(part) = of_type(&["message/feedback-report"]) {
        feedback(&fields(part.contents()))?
    } else {
        let part = of_type(&["message/delivery-status", "message/global-delivery-status"])?;
        delivery(&fields(part.contents()))?
    };
    let (returned, reference) = parts().find_map(letter).unwrap_or_default();
    Some(Report { kind, status, detail, returned, reference, users: users(&message) })
}

fn type_of(part: &MessagePart<'_>) -> Option<String> {
    let of = part.content_type()?;
    Some(format!("{}/{}", of.c_type, of.c_subtype.as_deref()?))
}

/// The two headers of the letter that came back, if this part is that letter or its headers.
fn letter(part: &MessagePart<'_>) -> Option<(Option<String>, Option<String>)> {
    let of = type_of(part)?.to_ascii_lowercase();
    match (&part.body, of.as_str()) {
        (PartType::Message(letter), _) => Some(headers(letter)),
        (_, "text/rfc822-headers" | "message/rfc822" | "message/global" | "message/global-headers") => {
            MessageParser::default().parse_headers(part.contents()).map(|letter| headers(&letter))
        }
        _ => None,
    }
}

fn headers(letter: &Message<'_>) -> (Option<String>, Option<String>) {
    let value = |name: &'static str| {
        let text = letter.header_raw(name)?.trim();
        let fits = !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| text.to_owned())
    };
    (value("X-Vigie-Return"), value("X-Vigie-Send"))
}

/// Who a report says it is for.
fn users(report: &Message<'_>) -> Vec<String> {
    let headers = ["X-Original-To", "Delivered-To", "To"];
    let texts = headers.into_iter().filter_map(|name| report.header_raw(name));
    let user = |text: &str| {
        let (user, _) = text.rsplit_once('@')?;
        let user = user.rsplit(['<', ' ', ',']).next()?.trim();
        (user.len() <= 64).then(|| user.to_owned())
    };
    texts.filter_map(user).collect()
}

type Fields = Vec<(String, String)>;

/// Lines `Name: value`, folded or not, of all groups together; names in lower case.
fn fields(text: &[u8]) -> Fields {
    let text = String::from_utf8_lossy(text);
    let mut fields = Fields::new();
    for line in text.lines().take(PARTS * PARTS) {
        let line: String = line.chars().take(LONGEST_FIELD).collect();
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut().filter(|(_, value)| value.len() < LONGEST_FIELD) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}

fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

type Said = (Kind, Option<MailStatus>, String);

/// RFC 5965: somebody pressed the button, or a provider's own filter did. `not-spam` and the like say nothing against it.
fn feedback(fields: &Fields) -> Option<Said> {
    let kind = value(fields, "feedback-type")?.to_ascii_lowercase();
    matches!(kind.as_str(), "abuse" | "fraud" | "complaint" | "opt-out" | "opt-out-list").then_some((
        Kind::Complaint,
        None,
        kind,
    ))
}

/// RFC 3464. Our letters have one recipient each, so the first that is named is the one.
fn delivery(fields: &Fields) -> Option<Said> {
    let action = value(fields, "action")?.to_ascii_lowercase();
    let word = |text: &str| text.split_whitespace().next().and_then(|word| word.parse::<MailStatus>().ok());
    let status = value(fields, "status").and_then(word);
    let diagnostic = value(fields, "diagnostic-code").unwrap_or_default();
    let words = diagnostic.split_once(';').map_or(diagnostic, |(_, words)| words).trim();
    let kind = match action.split_whitespace().next()? {
        "failed" if is_hard(status, words) => Kind::Hard,
        "failed" | "delayed" => Kind::Soft,
        _ => return None,
    };
    let said = if status.is_none_or(is_vague) { enhanced(words).or(status) } else { status };
    Some((kind, said, words.to_owned()))
}

/// Whether nobody reads mail there. Exim says 5.0.0 of everything, others now and then: then the words of the server that
/// refused it decide, by its own status or (550, 551, 553, which RFC 5321 keeps for mailboxes) by its code.
fn is_hard(status: Option<MailStatus>, words: &str) -> bool {
    match status {
        // The domain does not exist (Postfix); with no answer from the name servers it would be 4.4.3.
        Some(MailStatus { class: 5, subject: 4, detail: 4 }) => true,
        Some(status) if !is_vague(status) => status.is_no_mailbox(),
        Some(MailStatus { class: 4, .. }) => false,
        _ => match enhanced(words) {
            Some(status) => status.is_no_mailbox(),
            None => {
                matches!(words.split([' ', '-']).next(), Some("550" | "551" | "553")) && !is_policy(words)
            }
        },
    }
}

/// Whether a status says no more than its class.
const fn is_vague(status: MailStatus) -> bool {
    status.subject == 0 && status.detail == 0
}

/// The status that a server's reply carries behind its code: `550 5.1.1 …`, `550-5.1.1 …`, `550 #5.1.1 …`.
fn enhanced(words: &str) -> Option<MailStatus> {
    let words = words.split([' ', '-', '#', '(', ')', ':']).filter(|word| !word.is_empty());
    words.take(4).find_map(|word| word.parse().ok())
}

/// Words that servers without status codes use for their filters.
fn is_policy(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["spam", "block", "policy", "reputation", "denied", "blacklist", "listed", "relay"]
        .iter()
        .any(|word| words.contains(word))
}

#[cfg(test)]
mod tests;
