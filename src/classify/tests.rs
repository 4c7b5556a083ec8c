use std::sync::LazyLock;

use hyper::header::{HeaderName, HeaderValue, USER_AGENT};
use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::model::{Class, MailAge, Presence, Verdict};

mod machines;
mod people;

static RULES: LazyLock<Classifier> = LazyLock::new(classifier);

/// Every row of the table in the words of its sources.
const SCENARIOS: &str = include_str!("tests/scenarios.tsv");

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

/// Agents of the scenarios by their names.
const AGENTS: [(&str, &str); 12] = [
    ("@chrome", CHROME),
    (
        "@safari",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    ),
    (
        "@google-proxy",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    ),
    (
        "@google-prefetch",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
    ),
    (
        "@gmail-sampling",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Gmail-content-sampling",
    ),
    (
        "@bare-webkit",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    ),
    ("@yahoo-proxy", "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"),
    ("@outlook", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.10386; Pro)"),
    ("@outlook-ios", "Outlook-iOS/709.2226530.prod.iphone (3.24.1)"),
    ("@thunderbird", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0"),
    ("@msie", "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)"),
    ("@googlebot", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
];

fn classifier() -> Classifier {
    let config = Config::load(&[], []).expect("the embedded configuration");
    Classifier::new(&config.classify, config.presence.scan_grace).expect("the embedded rules")
}

/// A request that can be changed before it is judged.
#[derive(Debug, Clone)]
struct Request {
    source: Source,
    method: Method,
    headers: HeaderMap,
    client: Option<IpAddr>,
    recipient: RecipientId,
    about: Option<SendId>,
    days: Option<u32>,
    link: Option<u64>,
    decoy: bool,
    activated: bool,
    presence: bool,
}

impl Request {
    /// Somebody's browser shows a mail.
    fn open() -> Self {
        let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(CHROME))]);
        Self {
            source: Source::Open,
            method: Method::GET,
            headers,
            client: "203.0.113.9".parse().ok(),
            recipient: RecipientId([1; 16]),
            about: Some(SendId([1; 16])),
            days: None,
            link: None,
            decoy: false,
            activated: false,
            presence: true,
        }
    }

    /// Somebody's browser follows a link.
    fn click(link: u64) -> Self {
        Self { source: Source::Click, link: Some(link), ..Self::open() }
    }

    fn agent(mut self, agent: &str) -> Self {
        let named = AGENTS.iter().find(|(name, _)| *name == agent).map_or(agent, |(_, agent)| agent);
        self.headers.remove(USER_AGENT);
        if !named.is_empty() {
            self.headers.insert(USER_AGENT, HeaderValue::from_str(named).expect("a header"));
        }
        self
    }

    fn evidence(&self) -> Evidence<'_> {
        let Self {
            source,
            ref method,
            ref headers,
            client,
            recipient,
            about,
            days,
            link,
            decoy,
            activated,
            presence,
        } = *self;
        Evidence { source, method, headers, client, recipient, about, days, link, decoy, activated, presence }
    }

    fn judge(&self, classifier: &Classifier) -> Judged {
        classifier.judge(&self.evidence())
    }
}

/// One line of the scenarios.
fn scenario(line: &str) -> (Request, Option<MailAge>, [&str; 3]) {
    let columns: Vec<_> = line.split('\t').collect();
    let [kind, method, agent, address, age, other, class, presence, fires] = columns[..] else {
        panic!("nine columns: {line}")
    };
    let source = Source::ALL.into_iter().find(|source| source.as_str() == kind).expect(line);
    let mut request = Request {
        source,
        method: method.parse().expect(line),
        client: address.parse().ok(),
        about: (!age.is_empty()).then_some(SendId([1; 16])),
        activated: other == "activated",
        ..Request::open().agent(agent)
    };
    if let Some((name, value)) = other.split_once('=') {
        request.headers.insert(
            HeaderName::from_bytes(name.as_bytes()).expect(line),
            HeaderValue::from_str(value).expect(line),
        );
    }
    let age = age.parse::<i64>().ok().map(|age| match u64::try_from(age) {
        Ok(age) => MailAge::Since(Duration::from_secs(age)),
        Err(_) => MailAge::HandingOver,
    });
    (request, age, [class, presence, fires])
}

#[test]
fn every_source_is_worth_what_the_table_says() {
    let mut wrong = Vec::new();
    for line in SCENARIOS.lines().filter(|line| !line.starts_with('#')) {
        let (request, age, expected) = scenario(line);
        let verdict = RULES.judge_alone(&request.evidence()).at(age);
        let fires = if verdict.fires { "yes" } else { "no" };
        if [verdict.class.as_str(), verdict.presence.as_str(), fires] != expected {
            wrong.push(format!("{line}\n  is {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn agents_are_known_by_their_names() {
    let old_edge = AGENTS[3].1.strip_suffix(" Mozilla/5.0").expect("the prefetcher's tail");
    let table = [
        ("@google-proxy", Class::Proxy, "agent:googleimageproxy"),
        ("@yahoo-proxy", Class::Proxy, "agent:yahoomailproxy"),
        ("SeznamEmailProxy/2.0.147", Class::Proxy, "agent:imageproxy"),
        ("@google-prefetch", Class::Prefetch, "agent:gmail-prefetch"),
        (old_edge, Class::Unknown, "agent:stale"),
        ("Mozilla/5.0", Class::Prefetch, "agent:apple-privacy"),
        ("@bare-webkit", Class::Human, "agent:bare-webkit"),
        ("@chrome", Class::Human, "agent:browser"),
        ("@thunderbird", Class::Human, "agent:mailclient"),
        ("@outlook", Class::Human, "agent:mailclient"),
        ("@outlook-ios", Class::Human, "agent:outlook-mobile"),
        ("Barracuda Sentinel (EE)", Class::Scanner, "agent:scanner"),
        ("@googlebot", Class::Bot, "agent:crawler"),
        ("curl/8.5.0", Class::Bot, "agent:library"),
        ("My app using libcurl/8.0", Class::Bot, "agent:library"),
        ("Wget/1.21.4", Class::Bot, "agent:library"),
        ("python-requests/2.32", Class::Bot, "agent:library"),
        ("Go-http-client/2.0", Class::Bot, "agent:library"),
        ("kube-probe/1.30", Class::Bot, "agent:monitor"),
        ("WhatsApp/2.23.20.0", Class::Bot, "agent:preview"),
        ("", Class::Bot, "agent:empty"),
        ("something new", Class::Bot, "agent:program"),
        ("Mozilla/5.0 (X11; Linux x86_64)", Class::Unknown, "agent:unknown"),
        ("UnheardOfMail/2.0 CFNetwork/1490 Darwin/23.2.0", Class::Human, "agent:mailclient"),
        ("Mozilla/5.0 (compatible; Unheard-Of/2.0)", Class::Bot, "agent:crawler"),
        (
            "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) Gecko/140.0 Firefox/140.0",
            Class::Human,
            "agent:browser",
        ),
        (
            "Mozilla/5.0 (Linux; Android 9; Unheardbot/1) Gecko/140.0 Firefox/140.0",
            Class::Bot,
            "agent:crawler",
        ),
    ];
    for (agent, class, reason) in table {
        let verdict = |agent: &str| {
            let request = Request { client: None, about: None, ..Request::open().agent(agent) };
            RULES.judge_alone(&request.evidence()).settled()
        };
        assert_eq!((verdict(agent).class, verdict(agent).reason), (class, reason), "{agent}");
        let known = AGENTS.iter().find(|(name, _)| *name == agent).map_or(agent, |(_, agent)| agent);
        assert_eq!(verdict(&known.to_uppercase()).reason, reason, "{agent} in capitals");
    }
}

/// Any agent of the scenarios, or any text.
fn agent() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => (0..AGENTS.len()).prop_map(|n| AGENTS[n].1.to_owned()),
        1 => Just("curl/8.5.0".to_owned()),
        1 => "[ -~]{0,80}",
    ]
}

fn is_machine(verdict: &Verdict) -> bool {
    matches!(verdict.class, Class::Scanner | Class::Bot | Class::Prefetch)
}

proptest! {
    /// A network can only speak against somebody, except that Google's is what makes its proxies its own.
    #[test]
    fn a_network_never_turns_a_machine_into_a_person(
        agent in agent(),
        address in any::<u32>(),
        source in prop_oneof![Just(Source::Open), Just(Source::Click), Just(Source::Partner)],
        age in prop::option::of(0..1000_u64),
    ) {
        let at = age.map(|age| MailAge::Since(Duration::from_secs(age)));
        let about = age.map(|_| SendId([1; 16]));
        let nowhere = Request { source, about, client: None, ..Request::open().agent(&agent) };
        let somewhere =
            Request { client: Some(std::net::Ipv4Addr::from_bits(address).into()), ..nowhere.clone() };
        let without = RULES.judge_alone(&nowhere.evidence()).at(at);
        let with = RULES.judge_alone(&somewhere.evidence()).at(at);
        prop_assert!(!is_machine(&without) || is_machine(&with), "{without:?} became {with:?}");
        prop_assert!(without.fires || !with.fires, "{without:?} became {with:?}");
    }

    #[test]
    fn every_request_gets_a_sound_verdict(
        agent in agent(),
        client in any::<Option<u128>>(),
        age in 0..100_000_u64,
        link in any::<Option<u64>>(),
        (decoy, activated) in any::<(bool, bool)>(),
        source in (0..Source::ALL.len()).prop_map(|n| Source::ALL[n]),
    ) {
        let client = client.map(|bits| std::net::Ipv6Addr::from_bits(bits).into());
        let request = Request { source, client, link, decoy, activated, ..Request::open().agent(&agent) };
        let judgement = request.judge(&RULES).judgement;
        let verdict = judgement.at(Some(MailAge::Since(Duration::from_secs(age))));
        prop_assert!((0.0..1.0).contains(&verdict.confidence), "{verdict:?}");
        prop_assert!(!verdict.fires || verdict.presence == Presence::Yes, "{verdict:?}");
        prop_assert!(!is_machine(&verdict) || !verdict.open && !verdict.fires, "{verdict:?}");
        prop_assert!(verdict.reason.contains(':'), "{verdict:?}");
    }
}
