use proptest::prelude::*;
use sha2::Digest;

use super::*;

fn brand(name: &str) -> Grantee {
    Grantee::Brand(name.parse().expect("a name"))
}

fn key(id: u16, owner: &str, kinds: &[Kind]) -> Key {
    Key::new(id, brand(owner), kinds.to_vec(), true, &[id.to_be_bytes()[1]; 32]).expect("a key")
}

fn ring() -> KeyRing {
    let both = [Kind::Open, Kind::Click];
    KeyRing::new(vec![key(2, "demo", &both), key(1, "demo", &both), key(7, "other", &[Kind::Open])], vec![])
        .expect("a ring")
}

fn open() -> Token {
    Token {
        kind: Kind::Open,
        expires: Some(30_000),
        recipient: RecipientId([9; 16]),
        send: Some(SendId([5; 16])),
        purpose: Purpose::Presence,
        destination: String::new(),
    }
}

#[test]
fn the_bytes_are_those_of_the_contract() {
    let text = open().mint(&ring(), &brand("demo")).expect("minted");
    let bytes = URL_SAFE_NO_PAD.decode(&text).expect("base64url");
    assert_eq!(bytes.len(), 57);
    assert_eq!(bytes[..8], [1, 1, 0, 2, 0, 0, 0x75, 0x30], "version, kind, key 2, day 30000");
    assert_eq!(bytes[8..24], [9; 16]);
    assert_eq!(bytes[24..41], [[5; 16].as_slice(), &[1]].concat());
}

#[test]
fn the_newest_key_signs_and_the_old_one_still_verifies() {
    let old = KeyRing::new(vec![key(1, "demo", &[Kind::Open])], vec![]).expect("a ring");
    let text = open().mint(&old, &brand("demo")).expect("minted");
    let both = ring();
    let (token, signer) = Token::verify(text.as_bytes(), Kind::Open, 1, &both).expect("verified");
    assert_eq!((token, signer.id()), (open(), 1));
    assert_eq!(ring().newest(&brand("demo"), Kind::Open).map(Key::id), Ok(2));
    let without = KeyRing::new(vec![key(2, "demo", &[Kind::Open])], vec![]).expect("a ring");
    assert_eq!(Token::verify(text.as_bytes(), Kind::Open, 1, &without).unwrap_err(), Refused::UnknownKey);
}

#[test]
fn a_token_ends_on_its_day_and_fits_one_endpoint() {
    let text = open().mint(&ring(), &brand("demo")).expect("minted");
    let verify = |kind, today| Token::verify(text.as_bytes(), kind, today, &ring()).map(|_| ());
    assert_eq!(verify(Kind::Open, 29_999), Ok(()));
    assert_eq!(verify(Kind::Open, 30_000), Err(Refused::Expired));
    assert_eq!(verify(Kind::Click, 1), Err(Refused::WrongKind));
}

#[test]
fn a_key_signs_only_its_own_kinds_and_owner() {
    assert!(Token { kind: Kind::Beacon, ..open() }.mint(&ring(), &brand("demo")).is_err());
    assert!(open().mint(&ring(), &brand("nobody")).is_err());
    let twice = KeyRing::new(vec![key(1, "demo", &[]), key(1, "demo", &[])], vec![]);
    assert_eq!(twice.unwrap_err(), RingError::Twice(1));
    assert!(Key::new(1, brand("demo"), vec![], true, &[0; 31]).is_err());
}

#[test]
fn a_letters_age_is_told_by_its_tokens_expiry() {
    let token = Token { expires: Some(30_000), ..open() };
    assert_eq!(token.days_old(30_000 - LINK_DAYS), Some(0));
    assert_eq!(token.days_old(29_999), Some(LINK_DAYS - 1));
    assert_eq!(token.days_old(30_000 - LINK_DAYS - 1), None, "given another expiry");
    assert_eq!(Token { send: None, ..token.clone() }.days_old(29_999), None, "of no letter");
    assert_eq!(Token { expires: None, ..token }.days_old(29_999), None, "for ever");
}

#[test]
fn only_links_are_decoys_or_lead_to_payment() {
    for purpose in [Purpose::Decoy, Purpose::Payment] {
        let pixel = Token { purpose, ..open() }.mint(&ring(), &brand("demo")).expect("minted");
        assert_eq!(Token::verify(pixel.as_bytes(), Kind::Open, 1, &ring()).unwrap_err(), Refused::Malformed);
        let (kind, destination) = (Kind::Click, "https://example.org/".to_owned());
        let link = Token { kind, purpose, destination, ..open() };
        let text = link.mint(&ring(), &brand("demo")).expect("minted");
        assert_eq!(Token::verify(text.as_bytes(), Kind::Click, 1, &ring()).expect("valid").0, link);
    }
}

#[test]
fn what_is_no_hash_costs_an_hmac_and_is_nobody() {
    let identity = Identity::new(&[7; 32]);
    let hash = const_hex::encode(sha2::Sha256::digest("a@b.example"));
    let somebody = identity.of_address("a@b.example").expect("an address");
    assert_eq!(identity.of_anything(hash.as_bytes()), Some(somebody));
    assert_eq!(identity.of_anything(hash.to_uppercase().as_bytes()), Some(somebody));
    for bad in
        ["", "a@b.example", &hash[1..], &format!("{hash}0"), &hash.replace(|c: char| c.is_alphabetic(), "g")]
    {
        assert_eq!(identity.of_anything(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn padding_and_spare_bits_are_refused() {
    let text = open().mint(&ring(), &brand("demo")).expect("minted");
    for bad in [format!("{text}="), format!("{text}A"), format!("{text}A="), String::new(), "A".repeat(3000)]
    {
        let refused = Token::verify(bad.as_bytes(), Kind::Open, 1, &ring()).unwrap_err();
        assert!(matches!(refused, Refused::Malformed | Refused::Forged), "{refused}");
    }
}

#[test]
fn one_person_has_one_id_however_the_address_is_written() {
    let identity = Identity::new(&[3; 32]);
    let id = identity.of_address("marie@exämple.org").expect("an address");
    for same in [" Marie@EXÄMPLE.org ", "marie@xn--exmple-cua.org"] {
        assert_eq!(identity.of_address(same), Ok(id), "{same}");
    }
    let hash = const_hex::encode_upper(sha2::Sha256::digest("marie@xn--exmple-cua.org"));
    assert_eq!(identity.of_hash(&hash), Ok(id));
    assert_ne!(Identity::new(&[4; 32]).of_address("marie@exämple.org"), Ok(id));
}

#[test]
fn what_is_no_address_is_refused() {
    let long = format!("{}@example.org", "a".repeat(300));
    for bad in [
        "",
        "marie",
        "@example.org",
        "marie@",
        "a@b@example.org",
        "a b@example.org",
        "a@exa mple.org",
        "a@example.org\r\nBcc: x@example.org",
        "\"a\"@example.org",
        "a@[127.0.0.1]",
        "a@localhost",
        "a,b@example.org",
        "<a@example.org>",
        &long,
    ] {
        assert!(normalise(bad).is_err(), "{bad:?} must be refused");
    }
}

proptest! {
    #[test]
    fn what_is_minted_is_what_is_read(
        recipient: [u8; 16], send in proptest::option::of(any::<[u8; 16]>()), expires in 1_u32.., url in "https://[a-z]{1,20}/\\PC{0,80}",
    ) {
        let send = send.map(SendId).filter(|id| *id != SendId::NONE);
        let token = Token { kind: Kind::Click, expires: Some(expires), recipient: RecipientId(recipient), send, purpose: Purpose::Statistics, destination: url };
        let text = token.mint(&ring(), &brand("demo")).expect("minted");
        prop_assert_eq!(Token::read(text.as_bytes(), &ring()).map(|(read, _)| read), Ok(token));
    }

    #[test]
    fn no_bit_can_be_changed(bit in 0_usize..57 * 8) {
        let text = open().mint(&ring(), &brand("demo")).expect("minted");
        let mut bytes = URL_SAFE_NO_PAD.decode(&text).expect("base64url");
        bytes[bit / 8] ^= 1 << (bit % 8);
        let forged = URL_SAFE_NO_PAD.encode(bytes);
        prop_assert!(Token::verify(forged.as_bytes(), Kind::Open, 1, &ring()).is_err());
    }

    #[test]
    fn junk_is_refused_without_a_panic(junk in proptest::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(Token::verify(&junk, Kind::Open, 1, &ring()).is_err());
    }
}

#[test]
fn an_identity_is_told_from_another_by_its_fingerprint() {
    let [a, same, b] = [[1; 32], [1; 32], [2; 32]].map(|secret| Identity::new(&secret).fingerprint());
    assert_eq!(a, same);
    assert_ne!(a, b);
}
