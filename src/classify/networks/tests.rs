use std::fs;
use std::net::IpAddr;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::range::Range;
use super::*;

static BUILTINS: LazyLock<Networks> = LazyLock::new(Networks::builtin);

fn tag(address: &str) -> Tag {
    BUILTINS.tag(address.parse().expect("an address"))
}

/// The networks with an operator's files of these contents.
fn with(contents: &[&str]) -> Result<Networks, String> {
    let dir = tempfile::tempdir().expect("a directory");
    let files: Vec<PathBuf> = (1..=contents.len()).map(|n| dir.path().join(format!("{n}.toml"))).collect();
    for (file, text) in files.iter().zip(contents) {
        fs::write(file, text).expect("written");
    }
    let place = format!("{}/", dir.path().display());
    Networks::with(&files).map_err(|error| error.to_string().replace(&place, ""))
}

fn entry(label: &str, operator: &str, ranges: &str) -> String {
    format!(
        "[[network]]\nlabel = \"{label}\"\noperator = \"{operator}\"\nscope = \"all\"\nstrength = \"probable\"\n\
         source = \"a test\"\ndate = 2026-11-23\nranges = [{ranges}]\n"
    )
}

#[test]
fn well_known_addresses_are_known() {
    let known = [
        ("66.249.84.1", Operator::Google, "network:google"),
        ("66.249.89.107", Operator::Google, "network:google"),
        ("108.177.2.1", Operator::Google, "network:google"),
        ("8.8.8.8", Operator::Google, "network:google"),
        ("2a00:1450:4001::1", Operator::Google, "network:google"),
        ("34.64.0.1", Operator::Hosting, "network:google-cloud"),
        ("35.192.0.1", Operator::Hosting, "network:google-cloud"),
        ("104.196.0.1", Operator::Hosting, "network:google-cloud"),
        ("2600:1900:4000::1", Operator::Hosting, "network:google-cloud"),
        ("104.28.42.1", Operator::AppleRelay, "network:apple-relay"),
        ("172.225.18.7", Operator::AppleRelay, "network:apple-relay"),
        ("146.75.192.9", Operator::AppleRelay, "network:apple-relay"),
        ("2606:54c0:7680::1", Operator::AppleRelay, "network:apple-relay"),
        ("2a02:26f7:b380:4000::1", Operator::AppleRelay, "network:apple-relay"),
        ("40.92.0.1", Operator::MicrosoftFilter, "network:eop"),
        ("40.107.1.1", Operator::MicrosoftFilter, "network:eop"),
        ("52.103.0.1", Operator::MicrosoftFilter, "network:eop"),
        ("52.238.78.88", Operator::MicrosoftFilter, "network:eop"),
        ("104.47.0.1", Operator::MicrosoftFilter, "network:eop"),
        ("2a01:111:f400::1", Operator::MicrosoftFilter, "network:eop"),
        ("52.238.78.89", Operator::Microsoft, "network:microsoft"),
        ("104.47.128.1", Operator::Microsoft, "network:microsoft"),
        ("132.245.26.156", Operator::Microsoft, "network:microsoft"),
        ("20.42.0.1", Operator::Microsoft, "network:microsoft"),
        ("209.222.82.1", Operator::Barracuda, "network:barracuda-gateway"),
        ("35.157.190.225", Operator::Barracuda, "network:barracuda-gateway"),
        ("148.163.139.74", Operator::Proofpoint, "network:proofpoint"),
        ("205.139.110.1", Operator::Mimecast, "network:mimecast"),
        ("68.232.128.1", Operator::Cisco, "network:cisco"),
        ("188.93.56.1", Operator::Gateway, "network:mailru"),
        ("67.195.1.1", Operator::Yahoo, "network:yahoo"),
        ("35.157.190.1", Operator::Hosting, "network:aws"),
        ("54.72.0.1", Operator::Hosting, "network:aws"),
        ("88.198.0.1", Operator::Hosting, "network:hetzner"),
        ("165.227.0.1", Operator::Hosting, "network:digitalocean"),
        ("51.38.0.1", Operator::Hosting, "network:ovh"),
    ];
    for (address, operator, reason) in known {
        let tag = tag(address);
        assert_eq!((tag.operator, tag.reason), (operator, reason), "{address}");
        assert!(tag.is_public(), "{address}");
    }
}

#[test]
fn most_people_are_unknown() {
    // Homes at Deutsche Telekom, Comcast and Orange, and the networks for documentation.
    for address in
        ["87.128.0.1", "73.1.2.3", "90.0.0.1", "192.0.2.1", "203.0.113.7", "2001:db8::1", "2003::1"]
    {
        assert_eq!(tag(address), Tag::UNKNOWN, "{address}");
    }
}

#[test]
fn what_is_not_on_the_internet_is_nowhere() {
    let nowhere = [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.31.255.255",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fe80::1",
        "ff02::1",
        "::ffff:10.0.0.1",
    ];
    for address in nowhere {
        assert!(!tag(address).is_public(), "{address}");
    }
    for address in ["1.0.0.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "223.255.255.255", "2::"] {
        assert!(tag(address).is_public(), "{address}");
    }
}

#[test]
fn an_ipv4_address_in_the_dress_of_ipv6_is_ipv4() {
    assert_eq!(tag("::ffff:40.92.0.1"), tag("40.92.0.1"));
    assert_eq!(tag("::ffff:192.0.2.1"), Tag::UNKNOWN);
}

#[test]
fn only_filters_of_mail_are_certain_on_the_internet() {
    for tag in &BUILTINS.tags {
        let certain = tag.strength == Strength::Certain;
        assert!(!certain || tag.is_gateway() || !tag.is_public(), "{}", tag.reason);
        assert!(!tag.is_gateway() || tag.scope == Scope::All, "{}", tag.reason);
    }
    let scope = |address| tag(address).scope;
    assert_eq!([scope("66.249.84.1"), scope("20.42.0.1"), scope("67.195.1.1")], [Scope::Clicks; 3]);
    assert_eq!(scope("104.28.42.1"), Scope::Pixels);
    assert!(tag("148.163.139.74").is_gateway() && !tag("88.198.0.1").is_gateway());
}

#[test]
fn every_embedded_entry_says_where_it_is_from_and_of_which_day() {
    let mut labels = BTreeSet::new();
    for (name, text) in BUILTIN {
        let file: toml::Table = toml::from_str(text).expect(name);
        for entry in file["network"].as_array().expect(name) {
            let label = entry["label"].as_str().expect(name);
            assert!(labels.insert(label.to_owned()), "{name}: {label} is there twice");
            assert!(entry["source"].as_str().is_some_and(|source| source.len() > 5), "{name}: {label}");
            assert!(entry["date"].as_datetime().is_some_and(|date| date.date.is_some()), "{name}: {label}");
            assert!(entry["ranges"].as_array().is_some_and(|ranges| !ranges.is_empty()), "{name}: {label}");
        }
    }
    assert_eq!(labels.len() + 1, BUILTINS.tags.len());
}

#[test]
fn the_longest_prefix_decides_and_of_one_prefix_the_operators() {
    let ours = [
        entry("office", "none", "\"54.72.9.0/24\", \"2001:db8::7\""),
        entry("wide", "gateway", "\"104.0.0.0/8\", \"40.92.0.0/15\", \"198.51.100.0/24\""),
        entry("later", "hosting", "\"198.51.100.0/24\", \"198.51.100.0/24\""),
    ];
    let networks = with(&[&ours[..2].concat(), &ours[2]]).expect("networks");
    let reason = |address: &str| networks.tag(address.parse().expect("an address")).reason;
    assert_eq!(reason("54.72.9.1"), "network:office");
    assert_eq!(reason("54.72.10.1"), "network:aws");
    assert_eq!(reason("2001:db8::7"), "network:office");
    assert_eq!(reason("2001:db8::8"), "network:unknown");
    assert_eq!(reason("104.1.1.1"), "network:wide");
    assert_eq!(reason("104.47.0.1"), "network:eop", "longer than the operator's");
    assert_eq!(reason("40.92.0.1"), "network:wide", "the operator's counts for the same prefix");
    assert_eq!(reason("198.51.100.1"), "network:later", "of the operator's files, the later");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_line_and_remedy() {
    let good = entry("good", "hosting", "");
    let refused = [
        (
            entry("a", "hosting", "\n\"10.0.0.0/8\",\n\"10.0.0.0/33\""),
            "1.toml line 10: \"10.0.0.0/33\" is no network: the number after the slash is from 0 to 32 here",
        ),
        (
            entry("Ä label", "hosting", ""),
            "1.toml line 2: label \"Ä label\" must be 1 to 32 of a-z, 0-9 and the hyphen",
        ),
        (good.replace("source = \"a test\"\n", ""), "1.toml line 1: missing field `source`"),
        (good.replace("date = 2026-11-23", "date = 2026-13-23"), "1.toml line 7: "),
        (
            good.replace("\"hosting\"", "\"hostign\""),
            "1.toml line 3: unknown variant `hostign`, expected one of `none`",
        ),
        (good.replace("scope", "scop"), "1.toml line 4: unknown field `scop`, expected one of `label`"),
        ("[[network]\n".to_owned(), "1.toml line 1: "),
    ];
    for (text, sentence) in refused {
        let told = with(&[&text]).expect_err(&text);
        assert!(told.starts_with(sentence), "{told}");
    }
    let gone = Networks::with(&["no/such.toml".into()]).unwrap_err().to_string();
    assert!(gone.starts_with("cannot read the networks no/such.toml: "), "{gone}");
}

#[test]
fn files_are_bounded() {
    let comments = format!("#{}\n", "x".repeat(1022)).repeat(8 * 1024);
    assert!(with(&[&comments]).is_ok());
    let told = with(&[&format!("{comments}#")]).unwrap_err();
    assert_eq!(told, "1.toml is longer than 8 MiB: join neighbouring networks, or leave out the smallest");
    let told = limit("ranges", 200_001, MOST_RANGES).unwrap_err().to_string();
    assert!(told.starts_with("more than 200000 ranges in all files: join"), "{told}");
    assert!(usize::from(u16::MAX) > MOST_ENTRIES, "marks have 16 bits");
}

#[test]
fn a_reason_is_kept_once() {
    let (first, again) = (reason("kept"), reason("kept"));
    assert!(std::ptr::eq(first, again));
    assert_eq!(first, "network:kept");
}

proptest! {
    #[test]
    fn the_embedded_networks_agree_with_a_search_through_all_of_them(
        chosen in any::<Index>(), into in any::<u128>(), anywhere in any::<u32>()
    ) {
        let (range, _) = &RANGES[chosen.index(RANGES.len())];
        let inside = range.first + into % (range.last - range.first + 1);
        let borders = [range.first.saturating_sub(1), range.first, inside, range.last];
        for bits in borders.into_iter().chain([anywhere.into()]) {
            let address: IpAddr = match u32::try_from(bits) {
                Ok(bits) if range.v4 => IpAddr::V4(bits.into()),
                _ => IpAddr::V6(bits.into()),
            };
            prop_assert_eq!(BUILTINS.tag(address), longest(range.v4, bits), "{}", address);
        }
    }
}

static RANGES: LazyLock<Vec<(Range, Tag)>> = LazyLock::new(|| {
    let files = BUILTIN.iter().map(|(name, text)| file::parse(Path::new(name), text).expect("a file"));
    let ranges = |entry: Entry| {
        let tag = entry.tag();
        entry.ranges.into_iter().map(move |range| (range, tag))
    };
    files.flatten().flat_map(ranges).collect()
});

/// What a search through all ranges finds.
fn longest(v4: bool, bits: u128) -> Tag {
    let holds = |(range, _): &&(Range, Tag)| range.v4 == v4 && (range.first..=range.last).contains(&bits);
    let found = RANGES.iter().rev().filter(holds).min_by_key(|(range, _)| range.last - range.first);
    found.map_or(Tag::UNKNOWN, |(_, tag)| *tag)
}
