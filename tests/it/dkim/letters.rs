//! Letters that are hard to sign: what folds, what is encoded, what relays touch.

use std::sync::Arc;

use jiff::Timestamp;
use vigie::config::{Brand, Config, Dkim, MailClass};
use vigie::model::{
    Cause, Claim, ClaimId, Grantee, Hold, Name, OnDeadline, OnUncertain, RecipientId, SendId, SendSpec,
};
use vigie::redact::Mailbox;
use vigie::render::Renderer;

use super::*;

/// A subject, a text and a recipient's name each.
fn hard() -> Vec<(String, String, String)> {
    [
        ("plain", "Pay.\n", "Marie"),
        ("é", "Réglez 120,50 €.\n\n\n", "Zoë Müller, \"née\" O'Neil"),
        (&"a very long subject ".repeat(12), ".\n..\n.dots\n", &"Jean-Baptiste ".repeat(14)),
        (&"très très long sujet ".repeat(11), "trailing spaces   \t\n \n\t\n", "李小龍"),
        ("x\t y  z", "", ""),
        ("=== 100 % ===", &"no space at all".repeat(300), "a@b"),
        ("nothing but ends", "\n\n\n\n", "A"),
        ("From: forged", "From me\n>From you\n--\n=_vigie_\n", "B; c=d"),
    ]
    .map(|(subject, text, name)| (subject.to_owned(), text.to_owned(), name.to_owned()))
    .into()
}

fn claim(number: usize, (subject, text, name): (String, String, String)) -> Claim {
    let brand: Name = "demo".parse().expect("a name");
    let reference = format!("letter-{number}");
    let id = SendId::derive(&brand, &reference);
    let Value::Object(vars) = json!({"subject": subject, "text": text}) else { unreachable!("an object") };
    let spec = SendSpec {
        id,
        reference,
        brand,
        campaign: None,
        case: None,
        recipient: RecipientId([9; 16]),
        to: Mailbox::new("marie@example.org".into(), Some(name)),
        template: "note".parse().expect("a name"),
        vars,
        not_before: None,
        deadline: None,
        on_deadline: OnDeadline::Send,
        zone: None,
        priority: 0,
        on_uncertain: OnUncertain::Hold,
        digest: String::new(),
    };
    Claim {
        hold: Hold { send: id, claim: ClaimId([1; 16]), recipient: spec.recipient },
        spec: Arc::new(spec),
        facts: None,
        cause: Cause::Touch,
        attempt: 1,
        dated: "2026-03-04T05:06:07Z".parse::<Timestamp>().expect("a moment"),
        tracked: true,
        overdue: false,
    }
}

/// The brand `demo`, with these keys and a template that says what it is told.
fn renderer(keys: &Keys, class: MailClass) -> Renderer {
    let templates = keys.home.path().join("templates");
    std::fs::create_dir_all(&templates).expect("the directory is ours");
    for (kind, source) in [
        ("subject", "S {{ subject }}"),
        ("txt", "{{ text }}"),
        ("html", "<body><pre>{{ text }}</pre></body>"),
    ] {
        std::fs::write(templates.join(format!("note.en.{kind}")), source).expect("the directory is ours");
    }
    let name: Name = "demo".parse().expect("a name");
    let brand = Config::load(&[], []).expect("the default file").brands[&name].clone();
    let dkim = keys.files.iter().map(|(selector, file)| Dkim {
        selector: selector.clone(),
        domain: String::new(),
        key_file: Some(file.clone()),
        key: None,
    });
    let brand = Brand {
        reply_to: "Service <service@demo.example>".into(),
        templates: Some(templates),
        dkim: dkim.collect(),
        class,
        ..brand
    };
    let owners = [Grantee::Brand(name.clone())];
    let secrets = vigie::secrets::prepare(&keys.home.path().join("data"), &owners, None).expect("secrets");
    Renderer::new(&[(name, brand)].into(), Arc::new(secrets.secrets.ring)).expect("a renderer")
}

fn mails(renderer: &Renderer) -> Vec<Vec<u8>> {
    let claims = hard().into_iter().enumerate().map(|(number, hard)| claim(number, hard));
    claims.map(|claim| renderer.render(&claim).expect("a letter").bytes).collect()
}

#[test]
fn every_letter_verifies_and_its_every_attempt_has_the_same_bytes() {
    let keys = Keys::make();
    for class in [MailClass::Transactional, MailClass::Promotional] {
        let renderer = renderer(&keys, class);
        let mails = mails(&renderer);
        assert_eq!(mails, self::mails(&renderer), "no random numbers, no clock");
        keys.all_valid(&mails);
        for (_, _, names) in keys.verify(&mails).iter().flatten() {
            let times = |name: &str| names.iter().filter(|found| *found == name).count();
            for name in ["from", "to", "subject", "date", "reply-to", "message-id", "content-type"] {
                assert_eq!(times(name), 2, "{name} once, and once more against additions: {names:?}");
            }
            assert_eq!(times("cc"), 1);
            let list = if class == MailClass::Promotional { 2 } else { 1 };
            assert_eq!([times("list-unsubscribe"), times("list-unsubscribe-post")], [list, list]);
        }
        for mail in &mails {
            let text = String::from_utf8(mail.clone()).expect("ASCII");
            let field = text.lines().take_while(|line| line.starts_with(['D', '\t'])).collect::<Vec<_>>();
            assert!(field.iter().all(|line| line.len() <= 78), "{field:?}");
        }
    }
}

#[test]
fn what_relays_do_is_forgiven_and_what_forgers_do_is_not() {
    let keys = Keys::make();
    let original = mails(&renderer(&keys, MailClass::Promotional)).remove(1);
    let text = String::from_utf8(original).expect("ASCII");
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        text.replacen(from, to, 1).into_bytes()
    };
    keys.all_valid(&[
        changed("\r\nTo: ", "\r\nTO:\t  "),
        changed("\r\nDate: ", "\r\nReceived: from a by b\r\nDate:\r\n "),
        format!("Return-Path: <x@y>\r\n{text}\r\n\r\n").into_bytes(),
    ]);
    let forged = [
        changed("\r\nSubject: ", "\r\nSubject: Urgent "),
        format!("Subject: another\r\n{text}").into_bytes(),
        format!("To: everybody@example.org\r\n{text}").into_bytes(),
        format!("From: boss@demo.example\r\n{text}").into_bytes(),
        format!("Cc: everybody@example.org\r\n{text}").into_bytes(),
        changed("\r\nList-Unsubscribe-Post: ", "\r\nX-Post: "),
        changed("120,50", "920,50"),
        format!("{text}more\r\n").into_bytes(),
        text.replace("t=1772600767", "t=1772600768").into_bytes(),
    ];
    for (number, signatures) in keys.verify(&forged).iter().enumerate() {
        assert_eq!(signatures.len(), 2);
        assert!(
            signatures.iter().all(|(_, valid, _)| *valid != json!(true)),
            "forgery {number}: {signatures:?}"
        );
    }
}
