use serde_json::{Value, json};

use super::*;

fn event(name: &str, fields: &Value) -> String {
    json!({"event": name, "end_time": "2026-11-22T02:30:12.127230Z", "fields": fields}).to_string()
}

/// What an event says with this query.
fn said(query: &str, name: &str, fields: &Value) -> Result<Deed, Unheard> {
    read(query, event(name, fields).as_bytes()).map(|said| said.deed)
}

fn command(name: &str, args: &str, mailbox: &str, reasons: &[&str]) -> Result<Deed, Unheard> {
    let fields = json!({"user": "a@example.test", "cmd_name": name, "cmd_args": args, "mailbox": mailbox, "reason_code": reasons});
    said("", "imap_command_finished", &fields)
}

#[test]
fn what_a_person_does_is_told_apart_from_what_their_client_does() {
    let body = &["imap:cmd_uid_fetch", "imap:fetch_body"][..];
    let headers = &["imap:cmd_uid_fetch", "imap:fetch_header_fields"][..];
    let table: [(&str, &str, &[&str], Deed); 30] = [
        ("UID STORE", r"1 +FLAGS (\Seen)", &[], Deed::Read),
        ("UID STORE", r"2 +FLAGS.SILENT (\Seen)", &[], Deed::Read),
        ("STORE", r"1:* FLAGS (\seen \Flagged)", &[], Deed::Read),
        ("UID STORE", r"1 -FLAGS (\Seen)", &[], Deed::Act),
        ("UID STORE", r"1:* +FLAGS (\Deleted)", &[], Deed::Act),
        ("UID STORE", r"1 +FLAGS (\Answered)", &[], Deed::Act),
        ("UID STORE", r"1 +FLAGS ($label1)", &[], Deed::Act),
        ("UID STORE", r"7 +FLAGS (NonJunk)", &[], Deed::Sync),
        ("UID STORE", r"7 +FLAGS ($MDNSent \Recent)", &[], Deed::Sync),
        ("UID STORE", r"7 +FLAGS (\Seen $MDNSent)", &[], Deed::Read),
        ("UID FETCH", "2 (BODY[])", body, Deed::Read),
        ("FETCH", "2 (UID BODY[1.MIME] BODY[1])", body, Deed::Read),
        ("UID FETCH", "1 (BODY.PEEK[])", body, Deed::Sync),
        ("UID FETCH", "1 (body.peek[1])", body, Deed::Sync),
        ("UID FETCH", "1:* (BODY[])", body, Deed::Sync),
        ("UID FETCH", "1,5 (BODY[])", body, Deed::Sync),
        ("UID FETCH", "1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (FROM SUBJECT) ])", headers, Deed::Sync),
        ("UID FETCH", "3 (BODY[])", &[], Deed::Read),
        ("UID FETCH", "3 (RFC822)", &[], Deed::Read),
        ("UID FETCH", "3 (RFC822.SIZE FLAGS)", &[], Deed::Sync),
        ("UID FETCH", "3 (BODY[HEADER])", &[], Deed::Sync),
        ("FETCH", "1:5 (FLAGS)", &[], Deed::Sync),
        ("UID MOVE", "1 Archive", &[], Deed::Act),
        ("COPY", "1 Archive", &[], Deed::Act),
        ("EXPUNGE", "", &[], Deed::Act),
        ("SELECT", "INBOX", &[], Deed::Sync),
        ("IDLE", "", &[], Deed::Sync),
        ("NOOP", "", &[], Deed::Sync),
        ("UID SEARCH", "ALL", &[], Deed::Sync),
        ("STATUS", "INBOX (UIDNEXT)", &[], Deed::Sync),
    ];
    for (name, args, reasons, deed) in table {
        assert_eq!(command(name, args, "INBOX", reasons), Ok(deed), "{name} {args}");
        assert_eq!(command(&name.to_lowercase(), args, "INBOX", reasons), Ok(deed), "{name} {args}");
    }
    for nothing in ["LOGOUT", "CAPABILITY", "ID", "ENABLE", "", "X-NEW"] {
        assert_eq!(command(nothing, "", "", &[]), Err(Unheard::Nothing), "{nothing}");
    }
}

#[test]
fn nobody_writes_into_an_inbox() {
    assert_eq!(command("APPEND", "Sent <210 byte literal>", "Sent", &[]), Ok(Deed::Write));
    assert_eq!(command("APPEND", "\"Drafts\" (\\Draft) <9 byte literal>", "", &[]), Ok(Deed::Write));
    for inbox in ["INBOX", "inbox"] {
        assert_eq!(command("APPEND", "INBOX <210 byte literal>", inbox, &[]), Ok(Deed::Change));
    }
    let only_name = json!({"user": "a@example.test", "cmd_name": "APPEND"});
    assert_eq!(said("", "imap_command_finished", &only_name), Ok(Deed::Change));
}

#[test]
fn an_exporters_word_holds_for_what_it_lets_through() {
    let fetch = json!({"user": "a@example.test", "cmd_name": "UID FETCH", "mailbox": "INBOX"});
    assert_eq!(said("", "imap_command_finished", &fetch), Ok(Deed::Sync));
    assert_eq!(said("kind=read", "imap_command_finished", &fetch), Ok(Deed::Read));
    assert_eq!(said("kind=nonsense", "imap_command_finished", &fetch), Ok(Deed::Sync));
    let refused = json!({"user": "a@example.test", "cmd_name": "UID FETCH", "tagged_reply_state": "NO"});
    assert_eq!(said("kind=read", "imap_command_finished", &refused), Err(Unheard::Nothing));
    assert_eq!(said("kind=read", "mail_user_session_finished", &fetch), Err(Unheard::Nothing));
}

#[test]
fn only_a_success_is_a_login() {
    let login = |fields: Value| said("", "auth_request_finished", &fields);
    assert_eq!(
        login(json!({"user": "a@example.test", "success": "yes", "service": "imap"})),
        Ok(Deed::Login)
    );
    assert_eq!(
        login(json!({"user": "a@example.test", "success": true, "protocol": "imap"})),
        Ok(Deed::Login)
    );
    for nothing in [
        json!({"user": "a@example.test", "service": "imap", "policy_result": "ok"}),
        json!({"user": "a@example.test", "success": "no", "service": "imap"}),
        json!({"user": "a@example.test", "success": "yes", "service": "lmtp"}),
    ] {
        assert_eq!(login(nothing.clone()), Err(Unheard::Nothing), "{nothing}");
    }
    let minimal = json!({"user": "a@example.test", "session": "x"});
    assert_eq!(
        said("kind=login", "auth_request_finished", &minimal),
        Ok(Deed::Login),
        "its filter tested that"
    );
}

#[test]
fn what_is_no_event_is_said_to_be_none() {
    let read = |body: &str| read("", body.as_bytes()).map(|said| said.deed);
    for garbage in
        ["", "{", "[]", "null", "{\"fields\":{}}", "{\"event\":5}", "\u{0}", "{\"event\":\"x\",\"fields\":5}"]
    {
        assert_eq!(read(garbage), Err(Unheard::Unreadable), "{garbage:?}");
    }
    assert_eq!(read(r#"{"event":"something_new"}"#), Err(Unheard::Unknown));
    let odd = r#"{"event":"imap_command_finished","new":[{}],"fields":{"user":7,"cmd_name":["x"],"cmd_args":null,"reason_code":5}}"#;
    assert_eq!(read(odd), Err(Unheard::Nothing), "fields of other kinds are as if missing");
}
