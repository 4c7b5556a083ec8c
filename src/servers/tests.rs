use jiff::ToSpan;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::{Config, Ignore, Signals};

const NOON: &str = "2026-11-22T12:00:00Z";

fn settings() -> Signals {
    Config::load(&[], []).expect("the default file").signals
}

fn noon() -> Timestamp {
    NOON.parse().expect("a time")
}

fn someone(address: &str) -> RecipientId {
    Identity::new(&[7; 32]).of_address(address).expect("an address")
}

struct Desk(Interpreter);

impl Desk {
    fn new(settings: &Signals) -> Self {
        Self(Interpreter::new(settings, Identity::new(&[7; 32])))
    }

    fn hear(&self, server: Server, query: &str, body: &Value) -> Vec<Result<Heard, Unheard>> {
        let body = body.to_string();
        self.0.hear(Report { server, query, body: body.as_bytes(), received: noon() })
    }

    fn deeds(&self, server: Server, query: &str, body: &Value) -> Vec<Result<Deed, Unheard>> {
        self.hear(server, query, body).into_iter().map(|heard| heard.map(|heard| heard.deed)).collect()
    }

    /// What Dovecot's event about these fields says.
    fn dovecot(&self, event: &str, fields: &Value) -> Result<Deed, Unheard> {
        let body = json!({"event": event, "end_time": NOON, "fields": fields});
        self.deeds(Server::Dovecot, "", &body)[0]
    }
}

fn login(user: &str, session: &str) -> Value {
    json!({"user": user, "session": session, "remote_ip": "192.0.2.7", "service": "imap", "success": "yes"})
}

fn store(user: &str, session: &str) -> Value {
    json!({"user": user, "session": session, "remote_ip": "192.0.2.7", "cmd_name": "STORE", "cmd_args": r"1 +FLAGS (\Seen)"})
}

#[test]
fn a_name_becomes_a_recipient() {
    let desk = Desk::new(&Signals { domain: "@example.test".into(), ..settings() });
    let who = |user: &str| {
        let body = json!({"event": "auth_request_finished", "fields": login(user, "s")});
        desk.hear(Server::Dovecot, "", &body)[0].map(|heard| heard.recipient)
    };
    assert_eq!(who("Alice@Example.test"), Ok(someone("alice@example.test")));
    assert_eq!(who("alice"), Ok(someone("alice@example.test")));
    assert_eq!(who("a b"), Err(Unheard::Nobody));
    let bare = Desk::new(&settings());
    assert_eq!(bare.dovecot("auth_request_finished", &login("alice", "s")), Err(Unheard::Nobody));
    assert_eq!(bare.dovecot("auth_request_finished", &json!({"success": "yes"})), Err(Unheard::Nobody));
}

#[test]
fn whoever_is_ignored_is_so_for_the_whole_session() {
    let ignore = Ignore {
        addresses: vec!["198.51.100.0/24".parse().expect("a network")],
        users: vec!["Backup@example.test".into()],
        client_ids: vec!["imapsync".into()],
    };
    let desk = Desk::new(&Signals { ignore, ..settings() });
    let alice = "alice@example.test";
    let with = |session: &str, field: &str, value: &str| {
        let mut fields = login(alice, session);
        fields[field] = value.into();
        fields
    };
    for (session, fields) in [
        ("address", with("address", "remote_ip", "198.51.100.9")),
        ("client", with("client", "client_id", "\"name\" \"ImapSync\" \"version\" \"2\"")),
        ("master", with("master", "master_user", "admin")),
        ("original", with("original", "original_user", "alice@example.test*admin")),
        ("name", with("name", "user", "alice*admin@example.test")),
        ("user", with("user", "user", "backup@example.test")),
    ] {
        assert_eq!(desk.dovecot("auth_request_finished", &fields), Err(Unheard::Ignored), "{session}");
        let later = desk.dovecot("imap_command_finished", &store(alice, session));
        assert_eq!(later, Err(Unheard::Ignored), "{session}: only the login told");
    }
    assert_eq!(desk.dovecot("imap_command_finished", &store(alice, "another")), Ok(Deed::Read));
}

#[test]
fn a_webmails_login_is_a_click() {
    let webmail_addresses = vec!["192.0.2.7".parse().expect("a network")];
    let desk = Desk::new(&Signals { webmail_addresses, ..settings() });
    let mut fields = login("alice@example.test", "s");
    assert_eq!(desk.dovecot("auth_request_finished", &fields), Ok(Deed::Active));
    fields["remote_ip"] = "192.0.2.8".into();
    assert_eq!(desk.dovecot("auth_request_finished", &fields), Ok(Deed::Login));
}

#[test]
fn what_was_long_ago_says_nothing_about_now() {
    let desk = Desk::new(&settings());
    let at = |at: Timestamp| {
        let fields = store("alice@example.test", "s");
        let body = json!({"event": "imap_command_finished", "end_time": at.to_string(), "fields": fields});
        desk.deeds(Server::Dovecot, "", &body)[0]
    };
    assert_eq!(at(noon() - 10.seconds()), Ok(Deed::Read));
    assert_eq!(at(noon() - 11.seconds()), Err(Unheard::Stale));
    assert_eq!(at(noon() + 5.seconds()), Ok(Deed::Read));
    assert_eq!(at(noon() + 6.seconds()), Err(Unheard::Ahead));
    assert_eq!(at(Timestamp::MIN), Err(Unheard::Stale));
    assert_eq!(at(Timestamp::MAX), Err(Unheard::Ahead));
}

#[test]
fn the_auth_policy_tells_of_logins_that_were_let_in() {
    let desk = Desk::new(&settings());
    let by = |master: &str, query: &str, success: bool, rejected: bool| {
        let body = json!({
            "login": "alice@example.test", "protocol": "imap", "pwhash": "07eb", "remote": "192.0.2.7",
            "session_id": "s", "success": success, "policy_reject": rejected, "tls": false, "master": master,
        });
        desk.deeds(Server::Policy, query, &body)[0]
    };
    let report = |query: &str, success: bool, rejected: bool| by("", query, success, rejected);
    assert_eq!(report("command=report", true, false), Ok(Deed::Login));
    assert_eq!(report("command=report", false, false), Err(Unheard::Nothing));
    assert_eq!(report("command=report", true, true), Err(Unheard::Nothing));
    assert_eq!(report("command=allow", true, false), Err(Unheard::Nothing));
    assert_eq!(report("", true, false), Err(Unheard::Unknown));
    assert_eq!(by("admin", "command=report", true, false), Err(Unheard::Ignored));
}

#[test]
fn a_webmail_says_one_thing_or_several() {
    let desk = Desk::new(&settings());
    let note = |kind: &str| json!({"user": "alice@example.test", "kind": kind, "at": noon().as_second(), "x": {"y": 1}});
    assert_eq!(desk.deeds(Server::Webmail, "", &note("active")), [Ok(Deed::Active)]);
    let several = json!([note("login"), note("present"), note("logout"), note("dance"), 5, {"kind": "read"}]);
    let heard = desk.deeds(Server::Webmail, "", &several);
    let (unknown, unreadable, nobody) = (Unheard::Unknown, Unheard::Unreadable, Unheard::Nobody);
    let expected =
        [Ok(Deed::Login), Ok(Deed::Visible), Ok(Deed::Leave), Err(unknown), Err(unreadable), Err(nobody)];
    assert_eq!(heard, expected);
    let portal = json!({"email": "alice@example.test", "kind": "login", "source": "portal"});
    let recipient = someone("alice@example.test");
    let expected = Heard { recipient, source: Source::Portal, deed: Deed::Login };
    assert_eq!(desk.hear(Server::Webmail, "", &portal), [Ok(expected)]);
}

fn stalwart(id: &str, kind: &str, data: &Value) -> Value {
    json!({"id": id, "createdAt": NOON, "type": kind, "data": data})
}

#[test]
fn stalwart_names_an_account_once() {
    let desk = Desk::new(&settings());
    let hear = |events: &[Value]| desk.deeds(Server::Stalwart, "", &json!({"events": events}));
    let stored = json!({"accountId": 7, "spanId": 1234, "details": ["Seen"]});
    assert_eq!(hear(&[stalwart("1", "imap.store", &stored)]), [Err(Unheard::Nobody)]);
    let name =
        json!({"accountName": "alice@example.test", "accountId": 7, "spanId": 1234, "remoteIp": "192.0.2.7"});
    let batch = [
        stalwart("2", "auth.success", &name),
        stalwart("3", "imap.store", &stored),
        stalwart("3", "imap.store", &stored),
        stalwart("4", "imap.store", &json!({"spanId": 1234, "details": ["Flagged"]})),
        stalwart("5", "imap.move", &json!({"accountId": 7, "spanId": 99})),
        stalwart("6", "imap.idle-start", &json!({"accountId": 7})),
        stalwart("7", "imap.connection-end", &json!({"spanId": 1234})),
        stalwart("8", "server.startup", &json!({})),
        stalwart("9", "imap.append", &json!({"accountId": 7})),
    ];
    let expected = [
        Ok(Deed::Login),
        Ok(Deed::Read),
        Err(Unheard::Repeated),
        Ok(Deed::Act),
        Ok(Deed::Act),
        Ok(Deed::Sync),
        Err(Unheard::Nothing),
        Err(Unheard::Unknown),
        Ok(Deed::Change),
    ];
    assert_eq!(hear(&batch), expected);
    assert_eq!(hear(&[]), []);
    let mut late = stalwart("10", "imap.move", &json!({"accountId": 7}));
    late["createdAt"] = "2026-11-22T11:59:49Z".into();
    assert_eq!(hear(&[late]), [Err(Unheard::Stale)]);
    for garbage in [json!({}), json!([]), json!({"events": {}}), json!({"events": [5]})] {
        assert_eq!(desk.deeds(Server::Stalwart, "", &garbage), [Err(Unheard::Unreadable)], "{garbage}");
    }
}

#[test]
fn an_ignored_connection_of_an_account_does_not_hide_the_others() {
    let ignore =
        Ignore { addresses: vec!["198.51.100.0/24".parse().expect("a network")], ..settings().ignore };
    let desk = Desk::new(&Signals { ignore, ..settings() });
    let hear = |event: Value| desk.deeds(Server::Stalwart, "", &json!({"events": [event]}))[0];
    let login = |id: &str, span: u64, address: &str| {
        let name = "alice@example.test";
        stalwart(
            id,
            "auth.success",
            &json!({"accountName": name, "accountId": 7, "spanId": span, "remoteIp": address}),
        )
    };
    assert_eq!(hear(login("1", 1, "192.0.2.7")), Ok(Deed::Login));
    assert_eq!(hear(login("2", 2, "198.51.100.1")), Err(Unheard::Ignored));
    let moved = |id: &str, span: u64| stalwart(id, "imap.move", &json!({"accountId": 7, "spanId": span}));
    assert_eq!(hear(moved("3", 2)), Err(Unheard::Ignored));
    assert_eq!(hear(moved("4", 1)), Ok(Deed::Act));
}

fn any_server() -> impl Strategy<Value = Server> {
    proptest::sample::select(Server::ALL.to_vec())
}

proptest! {
    #[test]
    fn nothing_anybody_sends_is_too_much(server in any_server(), query in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let desk = Desk::new(&settings());
        let heard = desk.0.hear(Report { server, query: &query, body: &body, received: noon() });
        prop_assert!(heard.iter().all(Result::is_err));
    }

    #[test]
    fn no_words_of_a_command_are_too_odd(
        name in "(UID )?(STORE|FETCH|APPEND|[A-Z]{0,6})",
        args in r"[ ()+\-:,*\\\[\]\.a-zA-Z0-9é$]{0,60}",
        tag in "(kind=[a-z]{0,8})?",
    ) {
        let fields = json!({"user": "alice@example.test", "cmd_name": name, "cmd_args": args});
        let body = json!({"event": "imap_command_finished", "end_time": NOON, "fields": fields});
        prop_assert_eq!(Desk::new(&settings()).deeds(Server::Dovecot, &tag, &body).len(), 1);
    }
}
