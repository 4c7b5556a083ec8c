//! Whole letters: what goes in at the door and what a mail program would read.

mod cases;
mod failures;
mod hostile;
mod letters;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::config::MailClass;
use crate::model::{
    Cause, ClaimId, ConsentRule, Grantee, Hold, OnDeadline, OnUncertain, RecipientId, SendId,
};
use crate::redact::Mailbox;
use crate::token::{Key, Kind, Seal};

const SECRET: &[u8] = &[7; 32];

/// Tasks share it.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Renderer>();
};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn brand() -> Brand {
    Brand {
        limits: None,
        warmup: None,
        hours: None,
        verp: false,
        budget: Vec::new(),
        from: "\"Démo, recouvrement\" <dunning@démo.example>".into(),
        return_path: "bounces@demo.example".into(),
        reply_to: "help@demo.example".into(),
        domain: "mail.demo.example".into(),
        tracking_url: "https://t.demo.example".into(),
        payment_url: "https://pay.demo.example/case?from=mail".into(),
        payment_link_days: 90,
        templates: None,
        language: "en".into(),
        consent: ConsentRule::Presumed,
        class: MailClass::Transactional,
        on_deadline: OnDeadline::Send,
        on_uncertain: OnUncertain::Hold,
        decoy: false,
        dkim: Vec::new(),
        legal: "none".into(),
        first_letters: Vec::new(),
        values: toml::Table::new(),
        relay: None,
        webhooks: Vec::new(),
    }
}

fn ring_for(kinds: &[Kind]) -> Arc<KeyRing> {
    let key = Key::new(1, Grantee::Brand(name("demo")), kinds.to_vec(), true, SECRET).expect("a key");
    Arc::new(KeyRing::new(vec![key], vec![(name("demo"), Seal::new(SECRET))]).expect("a ring"))
}

fn ring() -> Arc<KeyRing> {
    ring_for(&[Kind::Open, Kind::Click, Kind::Unsubscribe])
}

fn renderer_of(brand: Brand) -> Result<Renderer, RenderError> {
    Renderer::new(&BTreeMap::from([(name("demo"), brand)]), ring())
}

fn renderer() -> Renderer {
    renderer_of(brand()).expect("the samples are sound")
}

/// A renderer whose brand has one template `note` made of these three files.
fn renderer_with(subject: &str, text: &str, html: &str) -> Renderer {
    let directory = tempfile::tempdir().expect("a directory");
    write_note(directory.path(), subject, text, html);
    let templates = Some(directory.path().to_owned());
    renderer_of(Brand { templates, ..brand() }).expect("these templates compile")
}

fn write_note(directory: &Path, subject: &str, text: &str, html: &str) {
    for (kind, source) in [("subject", subject), ("txt", text), ("html", html)] {
        fs::write(directory.join(format!("note.en.{kind}")), source).expect("a file");
    }
}

fn spec(template: &str, vars: Value) -> SendSpec {
    let Value::Object(vars) = vars else { panic!("variables are an object") };
    SendSpec {
        id: SendId::derive(&name("demo"), "s-1"),
        reference: "s-1".into(),
        brand: name("demo"),
        campaign: None,
        case: Some("D 2026/17".into()),
        recipient: RecipientId([9; 16]),
        to: Mailbox::new("Marie@Example.org".into(), Some("Marie Dupont".into())),
        template: name(template),
        vars,
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        zone: None,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: String::new(),
    }
}

fn reminder() -> SendSpec {
    spec("reminder", json!({"amount": "120,50 €", "due_date": "2026-03-01"}))
}

fn claim(spec: SendSpec, tracked: bool) -> Claim {
    Claim {
        hold: Hold { send: spec.id, claim: ClaimId([1; 16]), recipient: spec.recipient },
        spec: Arc::new(spec),
        facts: None,
        cause: Cause::Touch,
        attempt: 1,
        dated: "2026-03-04T05:06:07Z".parse().expect("a moment"),
        tracked,
        overdue: false,
    }
}

fn letter(renderer: &Renderer, spec: SendSpec, tracked: bool) -> Letter {
    renderer.render(&claim(spec, tracked)).expect("this send fits its template")
}

fn parsed(letter: &Letter) -> mail_parser::Message<'_> {
    mail_parser::MessageParser::new().parse(&letter.bytes).expect("a message")
}

fn text_of(letter: &Letter) -> String {
    parsed(letter).body_text(0).expect("a text part").into_owned()
}

fn html_of(letter: &Letter) -> String {
    parsed(letter).body_html(0).expect("an HTML part").into_owned()
}

/// The raw value of a header, unfolded; fails unless there is exactly one.
fn header(letter: &Letter, wanted: &str) -> String {
    let head = String::from_utf8_lossy(&letter.bytes);
    let (head, _) = head.split_once("\r\n\r\n").expect("a head and a body");
    let unfolded = head.replace("\r\n ", " ");
    let values: Vec<_> = unfolded
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .collect();
    assert_eq!(values.len(), 1, "exactly one {wanted}");
    values[0].1.to_owned()
}
