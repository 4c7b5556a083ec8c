//! Reports as mail servers write them, and as nobody should.

use proptest::prelude::*;

use super::*;

const RETURNED: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklm";

/// A delivery report around these fields, with the letter's headers behind it.
fn dsn(fields: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\r\nTo: bounces@acme.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"=_b\"\r\n\r\nThis is MIME.\r\n\
         --=_b\r\nContent-Type: text/plain\r\n\r\nSorry, 5.1.1 in words.\r\n\
         --=_b\r\nContent-Type: message/delivery-status\r\n\r\n{fields}\r\n\
         --=_b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: a@acme.example\r\nX-Vigie-Send: s-1\r\n\
         X-Vigie-Return: {RETURNED}\r\nSubject: Hello\r\n\r\n--=_b--\r\n"
    )
}

fn said(fields: &str) -> Option<(Kind, Option<String>)> {
    let report = read(dsn(fields).as_bytes())?;
    assert_eq!(report.returned.as_deref(), Some(RETURNED));
    assert_eq!(report.reference.as_deref(), Some("s-1"));
    Some((report.kind, report.status.map(|status| status.to_string())))
}

#[test]
fn what_servers_write_of_one_recipient() {
    let group = |action: &str, status: &str, diagnostic: &str| {
        format!(
            "Reporting-MTA: dns; mx.example\r\nArrival-Date: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\n\
             Final-Recipient: rfc822; marie@example.org\r\nAction: {action}\r\nStatus: {status}\r\n{diagnostic}"
        )
    };
    let (hard, soft) = (Kind::Hard, Kind::Soft);
    let table = [
        // Postfix, Gmail, Exchange, qmail's wrappers.
        (
            "failed",
            "5.1.1",
            "Diagnostic-Code: smtp; 550 5.1.1 <marie@example.org>: unknown\r\n",
            Some((hard, "5.1.1")),
        ),
        (
            "failed",
            "5.1.1",
            "Diagnostic-Code: smtp; 550-5.1.1 The email account\r\n 550 5.1.1 does not exist\r\n",
            Some((hard, "5.1.1")),
        ),
        (
            "failed",
            "5.1.10",
            "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound\r\n",
            Some((hard, "5.1.10")),
        ),
        (
            "failed",
            "5.4.4",
            "Diagnostic-Code: X-Postfix; Host or domain name not found\r\n",
            Some((hard, "5.4.4")),
        ),
        ("failed (permanent)", "5.2.1 (disabled)", "", Some((hard, "5.2.1"))),
        // Exim says 5.0.0 of everything.
        ("failed", "5.0.0", "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n", Some((hard, "5.1.1"))),
        ("failed", "5.0.0", "Diagnostic-Code: smtp; 550 No such user here\r\n", Some((hard, "5.0.0"))),
        ("failed", "5.0.0", "Diagnostic-Code: smtp; 550 #5.1.0 Address rejected\r\n", Some((soft, "5.1.0"))),
        ("failed", "5.0.0", "Diagnostic-Code: smtp; 550 Message blocked as spam\r\n", Some((soft, "5.0.0"))),
        ("failed", "5.0.0", "Diagnostic-Code: smtp; 552 mailbox full\r\n", Some((soft, "5.0.0"))),
        ("failed", "5.0.0", "", Some((soft, "5.0.0"))),
        // Not the mailbox's fault, or not for good.
        ("failed", "5.7.1", "Diagnostic-Code: smtp; 550 5.7.1 blocked\r\n", Some((soft, "5.7.1"))),
        ("failed", "5.2.2", "Diagnostic-Code: smtp; 552 5.2.2 full\r\n", Some((soft, "5.2.2"))),
        ("failed", "4.4.1", "Diagnostic-Code: X-Postfix; connection timed out\r\n", Some((soft, "4.4.1"))),
        ("delayed", "4.4.1", "", Some((soft, "4.4.1"))),
        ("delayed", "5.1.1", "", Some((soft, "5.1.1"))),
        ("failed", "nonsense", "", Some((soft, ""))),
        // All is well.
        ("delivered", "2.0.0", "", None),
        ("relayed", "2.0.0", "", None),
        ("expanded", "2.0.0", "", None),
    ];
    for (action, status, diagnostic, expected) in table {
        let expected = expected.map(|(kind, status)| {
            (kind, Some(status).filter(|status| !status.is_empty()).map(ToOwned::to_owned))
        });
        assert_eq!(said(&group(action, status, diagnostic)), expected, "{action} {status} {diagnostic}");
    }
}

#[test]
fn a_whole_letter_is_known_as_well_as_its_headers() {
    let letter = format!(
        "From: a@acme.example\r\nX-Vigie-Return: {RETURNED}\r\n\r\nX-Vigie-Return: {}\r\n",
        "z".repeat(45)
    );
    let mail = format!(
        "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Action: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{letter}\r\n--b--\r\n"
    );
    assert_eq!(read(mail.as_bytes()).expect("a report").returned.as_deref(), Some(RETURNED));
}

#[test]
fn a_complaint_is_one_whoever_sends_it() {
    let arf = |kind: &str| {
        format!(
            "Content-Type: multipart/report; report-type=feedback-report; boundary=\"b\"\r\n\r\n--b\r\n\
             Content-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n--b\r\n\
             Content-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nUser-Agent: SomeGenerator/1.0\r\n\
             Version: 1\r\nOriginal-Rcpt-To: <redacted>\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
             X-Vigie-Return: {RETURNED}\r\nSubject: Hello\r\n\r\nText\r\n--b--\r\n"
        )
    };
    for kind in ["abuse", "Abuse", "fraud", "opt-out"] {
        let report = read(arf(kind).as_bytes()).expect("a report");
        assert_eq!((report.kind, report.returned.as_deref()), (Kind::Complaint, Some(RETURNED)), "{kind}");
    }
    for kind in ["not-spam", "virus", "other", ""] {
        assert_eq!(read(arf(kind).as_bytes()), None, "{kind}");
    }
}

#[test]
fn what_is_no_report_is_none() {
    let fields = "Action: failed\r\nStatus: 5.1.1\r\n";
    for mail in [
        String::new(),
        "Subject: Out of office\r\n\r\nI am away. 550 5.1.1\r\n".to_owned(),
        dsn(fields).replace("multipart/report", "multipart/mixed"),
        dsn(fields).replace("message/delivery-status", "text/plain"),
        dsn("Reporting-MTA: dns; mx\r\n"),
        dsn(""),
    ] {
        assert_eq!(read(mail.as_bytes()), None, "{mail}");
    }
}

#[test]
fn a_torn_report_says_what_is_there_or_nothing() {
    let whole = dsn("Action: failed\r\nStatus: 5.1.1\r\n");
    for end in 0..whole.len() {
        if let Some(report) = read(&whole.as_bytes()[..end]) {
            assert!(matches!(report.kind, Kind::Hard | Kind::Soft));
            assert!(report.returned.is_none_or(|text| RETURNED.starts_with(&text)));
        }
    }
}

#[test]
fn hostile_headers_are_left_out() {
    for value in ["", " ", "a b", "\u{e9}", &"x".repeat(129)] {
        let mail = dsn("Action: failed\r\nStatus: 5.1.1\r\n").replace(RETURNED, value);
        assert_eq!(read(mail.as_bytes()).expect("a report").returned, None, "{value:?}");
    }
    let deep = "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n".repeat(2000);
    assert_eq!(read(deep.as_bytes()), None);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        read(&bytes);
    }

    #[test]
    fn nothing_in_a_reports_place_does(fields in "[ -~\\r\\n\\t:;é]{0,400}", cut in 0..2000_usize, put in any::<Vec<u8>>()) {
        let mut mail = dsn(&fields).into_bytes();
        let at = cut.min(mail.len());
        mail.splice(at..at, put);
        read(&mail);
    }
}
