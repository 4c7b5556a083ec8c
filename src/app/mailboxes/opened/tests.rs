use jiff::Timestamp;

use super::*;

const WHO: RecipientId = RecipientId([7; 16]);

fn vault() -> Vault {
    Vault::new(&[1; 32])
}

/// What the store has of a mailbox with this refresh token.
fn store_has(refresh: &str) -> Mailboxes {
    let consent = OAuth {
        token_url: "https://login.example/token".into(),
        client_id: "vigie".into(),
        client_secret: None,
        refresh_token: Secret::new(refresh),
        scope: None,
    };
    let account = Account {
        host: "imap.example".into(),
        port: 993,
        tls: Protection::Implicit,
        user: Secret::new("marie"),
        access: Access::OAuth(consent),
        proof: "form 3".into(),
        since: Timestamp::UNIX_EPOCH,
    };
    [(WHO, vault().seal(WHO, &account).expect("sealed"))].into()
}

fn opened() -> Opened {
    let roots = Roots::load(None).expect("the system's");
    Opened::new(vault(), roots, Arc::default(), Duration::from_secs(1))
}

/// The refresh token in what was sealed.
fn inside(sealed: &Sealed) -> String {
    let Access::OAuth(consent) = vault().open(WHO, sealed).expect("ours").access else {
        panic!("a password")
    };
    consent.refresh_token.expose().to_owned()
}

/// The number of the source that is used now.
fn source(opened: &Opened) -> u64 {
    opened.people[&WHO].source().expect("a source").number
}

#[test]
fn what_we_may_have_stored_opens_nothing_anew() {
    let mut opened = opened();
    let first = store_has("one");
    opened.follow(&first);
    let (two, before) = opened.with_token((WHO, 1), &Secret::new("two")).expect("it is watched");
    assert_eq!((inside(&two).as_str(), before), ("two", vec![first[&WHO].clone()]));
    let (again, _) = opened.with_token((WHO, 1), &Secret::new("two")).expect("it is watched");
    assert_eq!(again, two, "so the store knows it again");
    let (three, before) = opened.with_token((WHO, 1), &Secret::new("three")).expect("it is watched");
    assert_eq!(before, [two.clone(), first[&WHO].clone()], "whichever of them the store has");
    for sealed in [three, first[&WHO].clone(), two] {
        opened.follow(&[(WHO, sealed)].into());
        assert_eq!(source(&opened), 1);
    }
    for number in 0..20 {
        opened.with_token((WHO, 1), &Secret::new(number.to_string())).expect("it is watched");
    }
    assert_eq!(opened.people[&WHO].ours.len(), Known::OURS);
}

#[test]
fn a_token_of_an_old_consent_says_nothing_about_a_new_one() {
    let mut opened = opened();
    opened.follow(&store_has("one"));
    opened.follow(&store_has("new"));
    assert_eq!(source(&opened), 2);
    assert!(opened.with_token((WHO, 1), &Secret::new("two")).is_none());
    assert!(opened.with_token((WHO, 2), &Secret::new("newer")).is_some());
}

#[test]
fn who_left_lately_is_remembered_and_may_come_back() {
    let mut opened = opened();
    let sealed = store_has("one");
    opened.follow(&sealed);
    assert!(opened.next_leave().is_none());
    opened.follow(&Mailboxes::new());
    assert!(opened.next_leave().is_some());
    let (two, _) = opened.with_token((WHO, 1), &Secret::new("two")).expect("what comes late is kept");
    opened.follow(&[(WHO, two)].into());
    assert_eq!((source(&opened), opened.next_leave()), (1, None), "the same source, which knows the token");
    opened.follow(&Mailboxes::new());
    opened.left.values_mut().for_each(|(until, _)| *until = Instant::now());
    opened.follow(&Mailboxes::new());
    assert!(opened.with_token((WHO, 1), &Secret::new("three")).is_none(), "not for long");
}
