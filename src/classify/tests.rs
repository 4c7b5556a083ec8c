use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static RULES: LazyLock<Classifier> = LazyLock::new(Classifier::new);

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

fn judge(agent: &str) -> Verdict {
    let evidence = Evidence { source: Source::Open, method: &Method::GET, agent: agent.as_bytes() };
    RULES.judge(&evidence)
}

#[test]
fn agents_are_known_by_their_names() {
    let google = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";
    let prefetch = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0";
    let old_edge = prefetch.strip_suffix(" Mozilla/5.0").expect("the prefetcher's tail");
    let apple_mail =
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
    let googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let outlook = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.10386; Pro)";
    let yahoo = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html";
    let thunderbird = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.4.0";
    let curl_like = "My app using libcurl/8.0";
    let table = [
        (google, Class::Proxy, "agent:googleimageproxy"),
        (yahoo, Class::Proxy, "agent:yahoomailproxy"),
        ("SeznamEmailProxy/2.0.147", Class::Proxy, "agent:imageproxy"),
        (prefetch, Class::Prefetch, "agent:gmail-prefetch"),
        (old_edge, Class::Unknown, "agent:stale"),
        ("Mozilla/5.0", Class::Prefetch, "agent:apple-privacy"),
        (apple_mail, Class::Human, "agent:bare-webkit"),
        (CHROME, Class::Human, "agent:browser"),
        (thunderbird, Class::Human, "agent:mailclient"),
        (outlook, Class::Human, "agent:mailclient"),
        ("Outlook-iOS/709.2226530.prod.iphone (3.24.1)", Class::Human, "agent:outlook-mobile"),
        ("Barracuda Sentinel (EE)", Class::Scanner, "agent:scanner"),
        (googlebot, Class::Bot, "agent:crawler"),
        ("curl/8.5.0", Class::Bot, "agent:library"),
        (curl_like, Class::Bot, "agent:library"),
        ("Wget/1.21.4", Class::Bot, "agent:library"),
        ("python-requests/2.32", Class::Bot, "agent:library"),
        ("Go-http-client/2.0", Class::Bot, "agent:library"),
        ("kube-probe/1.30", Class::Bot, "agent:monitor"),
        ("WhatsApp/2.23.20.0", Class::Bot, "agent:preview"),
        ("", Class::Bot, "agent:empty"),
        ("something new", Class::Bot, "agent:program"),
        ("Mozilla/5.0 (X11; Linux x86_64)", Class::Unknown, "agent:unknown"),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)", Class::Unknown, "agent:app"),
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
        let verdict = judge(agent);
        assert_eq!((verdict.class, verdict.reason), (class, reason), "{agent}");
        assert_eq!(judge(&agent.to_uppercase()).reason, reason, "{agent} in capitals");
    }
}

#[test]
fn presence_follows_from_who_it_is() {
    let all = RULES.agents.verdicts().chain([NOBODY_KNOWN, judge("")]);
    for verdict in all {
        let person = matches!(verdict.class, Class::Human | Class::Proxy | Class::Unknown);
        assert_eq!((verdict.open, verdict.presence), (person, person), "{}", verdict.reason);
        assert!((0.0..=1.0).contains(&verdict.confidence), "{}", verdict.reason);
        assert!(verdict.reason.starts_with("agent:"), "{}", verdict.reason);
    }
}

#[test]
fn only_get_is_a_person_and_post_only_for_beacons() {
    let reason = |source, method: Method| {
        RULES.judge(&Evidence { source, method: &method, agent: CHROME.as_bytes() }).reason
    };
    assert_eq!(reason(Source::Open, Method::GET), "agent:browser");
    assert_eq!(reason(Source::Open, Method::HEAD), "method:head");
    assert_eq!(reason(Source::Click, Method::POST), "method:other");
    assert_eq!(reason(Source::Beacon, Method::POST), "agent:browser");
}

proptest! {
    #[test]
    fn every_agent_gets_a_verdict(agent in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let evidence = Evidence { source: Source::Open, method: &Method::GET, agent: &agent };
        prop_assert!(!RULES.judge(&evidence).reason.is_empty());
    }
}
