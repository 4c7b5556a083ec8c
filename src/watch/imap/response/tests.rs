use proptest::prelude::*;

use super::*;

fn parse(line: &str) -> Result<Response, Trouble> {
    Response::parse(line.as_bytes())
}

#[test]
fn what_dovecot_says_is_understood() {
    let seen = Flags(1);
    let said = [
        ("* OK [CAPABILITY IMAP4rev1] Dovecot (Debian) ready.", Response::Fine),
        (r"* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)", Response::Other),
        ("* 3 EXISTS", Response::Exists(3)),
        ("* 0 RECENT", Response::Other),
        ("+ idling", Response::Continue),
        (r"* 1 FETCH (UID 1 MODSEQ (5) FLAGS (\Seen))", Response::Flags(1, seen)),
        (r"* 1 FETCH (FLAGS (\Seen \Recent))", Response::Flags(1, seen)),
        ("* 1 FETCH (UID 1 MODSEQ (6) FLAGS ())", Response::Flags(1, Flags(0))),
        ("* VANISHED 2", Response::Vanished),
        ("* 2 EXPUNGE", Response::Expunge(2)),
        ("* OK Still here", Response::Fine),
        ("* BYE Server shutting down.", Response::Bye),
        ("v4 OK Idle completed (0.001 secs).", Response::Done(Done { tag: 4, result: Ok(()) })),
    ];
    for (line, meaning) in said {
        assert_eq!(parse(line), Ok(meaning), "{line}");
    }
}

#[test]
fn offers_are_read_whatever_their_case() {
    let offers = Offers { idle: true, xoauth2: true, initial_response: true, ..Offers::default() };
    let line = "* capability IMAP4rev1 Idle SASL-IR AUTH=XOAUTH2 AUTH=GSSAPI";
    assert_eq!(parse(line), Ok(Response::Capability(offers)));
}

#[test]
fn a_refusal_says_whether_it_lasts_and_shows_no_address() {
    let refusal = |line: &str| match parse(line) {
        Ok(Response::Done(Done { result: Err(no), .. })) => no,
        other => panic!("{line}: {other:?}"),
    };
    assert!(!refusal("v2 NO [AUTHENTICATIONFAILED] Authentication failed.").not_now);
    assert!(!refusal("v2 BAD Unknown command").not_now);
    let busy = refusal("v2 NO [UNAVAILABLE] alice@example.org has too many connections");
    assert_eq!((busy.not_now, busy.words.contains("alice")), (true, false));
}

#[test]
fn literals_are_refused_of_any_size_and_only_where_they_can_be() {
    for line in [
        "* 1 FETCH (BODY[] {2147483648}",
        "* 1 FETCH (BODY[] {99999999999999999999999}",
        "* LIST () \"/\" {5}",
        "* LIST () \"/\" {5+}",
    ] {
        assert_eq!(parse(line), Err(Trouble::TooMuch), "{line}");
    }
    assert_eq!(parse("* OK see you in room {5}"), Ok(Response::Fine));
    assert_eq!(parse("* X {}"), Ok(Response::Other));
}

#[test]
fn garbage_is_told_from_what_is_merely_unknown() {
    for line in
        ["", "HTTP/1.1 400 Bad Request", "220 mail ESMTP", "v OK", "v1", "v1 MAYBE", "*", "a1 OK", "v+1 OK"]
    {
        assert_eq!(parse(line), Err(Trouble::Garbage), "{line}");
    }
    for line in [
        "* ",
        "* 5",
        "* 99999999999 EXISTS",
        "* -1 EXPUNGE",
        "* 1 FETCH",
        "* 1 FETCH )FLAGS (",
        "* XYZ \u{fe}",
    ] {
        assert_eq!(parse(line), Ok(Response::Other), "{line}");
    }
}

#[test]
fn flags_are_found_only_among_the_items_themselves() {
    let quoted = r#"* 1 FETCH (X "FLAGS (\Seen)" Y ("a\"" FLAGS (\Seen)) FLAGS (\Flagged))"#;
    assert_eq!(parse(quoted), Ok(Response::Flags(1, Flags(4))));
    assert_eq!(parse(r"* 1 FETCH (MYFLAGS (\Seen))"), Ok(Response::Other));
    assert_eq!(parse(r"* 1 FETCH (FLAGS (\sEEN $Junk \Strange \Seen2"), Ok(Response::Other));
    assert_eq!(parse(r"* 1 FETCH (FLAGS (\sEEN $Junk \Strange \Seen2))"), Ok(Response::Flags(1, Flags(1))));
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Response::parse(&line);
    }

    #[test]
    fn no_fetch_makes_it_panic(items in r#"[()"\\ FLAGSfetch{}0-9]{0,60}"#) {
        let _ = parse(&format!("* 1 FETCH {items}"));
    }
}
