//! Hours at the gate, and what is said of them. Noon UTC is 13:00 in Paris, 07:00 in New York, 21:00 in Tokyo.

use serde_json::Map;

use super::*;
use crate::model::{Amount, CaseFacts, Currency, Hours};

const MORNING: &str =
    "zone = \"Europe/Paris\"\nopen = [{ days = \"mon-sun\", from = \"08:00\", to = \"20:00\" }]";

/// The sample brand with these hours.
fn with_hours(text: &str) -> Brands {
    let mut config = Config::load(&[], []).expect("the default file");
    let demo = config.brands.get_mut(&name("demo")).expect("the sample");
    demo.hours = Some(toml::from_str(text).expect("hours"));
    Brands::new(config.brands, Arc::default())
}

fn gate(brands: Brands, now: Timestamp) -> Gate {
    let (_, flows) = watch::channel(Arc::new(Flows::default()));
    Gate::new(flows, brands, Clock::manual(now))
}

fn in_zone(zone: &str) -> SendSpec {
    SendSpec { zone: Some(zone.into()), ..spec() }
}

fn facts(zone: &str) -> Arc<CaseFacts> {
    Arc::new(CaseFacts {
        amount: "1".parse::<Amount>().expect("an amount"),
        currency: "EUR".parse::<Currency>().expect("a currency"),
        due_date: None,
        first_letter: None,
        zone: Some(zone.into()),
        language: None,
        attributes: Map::new(),
    })
}

fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

#[test]
fn the_send_knows_best_where_its_recipient_is_then_the_case_then_the_brand() {
    let gate = gate(with_hours(MORNING), at(0));
    assert_eq!(gate.check(&claim(spec())), Ok(()));
    let held = gate.check(&claim(in_zone("America/New_York"))).expect_err("it is 7 o'clock there");
    let why = "outside the brand's hours, in America/New_York".to_owned();
    assert_eq!(held, Held::Quiet { until: moment("2025-12-01T13:00:00Z"), why });
    let of_case = Claim { facts: Some(facts("Asia/Tokyo")), ..claim(spec()) };
    let held = gate.check(&of_case).expect_err("it is 21 o'clock there").to_string();
    assert_eq!(held, "outside the brand's hours, in Asia/Tokyo");
    let both = Claim { facts: Some(facts("Asia/Tokyo")), ..claim(in_zone("Europe/Paris")) };
    assert_eq!(gate.check(&both), Ok(()));
    let nowhere = Claim { facts: Some(facts("Mars/Olympus")), ..claim(spec()) };
    assert_eq!(gate.check(&nowhere), Ok(()), "the brand's zone is better than none");
}

#[test]
fn other_hours_hold_at_once() {
    let brands = with_hours(MORNING);
    let gate = gate(brands.clone(), at(0));
    assert_eq!(gate.check(&claim(spec())), Ok(()));
    brands.replace(with_hours(&MORNING.replace("20:00", "12:00")).snapshot().as_ref().clone());
    let held = gate.check(&claim(spec())).expect_err("it is 13 o'clock in Paris");
    assert!(matches!(held, Held::Quiet { until, .. } if until == moment("2025-12-02T07:00:00Z")), "{held:?}");
    brands.replace(presumed().snapshot().as_ref().clone());
    assert_eq!(gate.check(&claim(spec())), Ok(()));
}

#[test]
fn what_became_overdue_in_the_night_takes_turns() {
    let opening = moment("2025-12-02T07:00:00Z");
    let gate = gate(with_hours(MORNING), opening);
    let overdue = |deadline: &str, cause| {
        let spec = SendSpec { deadline: Some(moment(deadline)), ..spec() };
        Claim { overdue: true, cause, ..claim(spec) }
    };
    let night = "2025-12-02T01:00:00Z";
    let Err(Held::Turn { until }) = gate.check(&overdue(night, Cause::Time)) else { panic!("it waits") };
    // The recipient's id begins with 0x0707: 2.7 % of half an hour.
    assert_eq!(until.duration_since(opening).as_secs(), 49);
    for cause in [Cause::Touch, Cause::Enqueue] {
        assert_eq!(gate.check(&overdue(night, cause)), Ok(()), "they are there");
    }
    assert_eq!(gate.check(&overdue("2025-12-02T07:00:00.001Z", Cause::Time)), Ok(()), "it was open then");
    let at_once = gate_at_once(opening);
    assert_eq!(at_once.check(&overdue(night, Cause::Time)), Ok(()));
}

fn gate_at_once(now: Timestamp) -> Gate {
    gate(with_hours(&format!("{MORNING}\nspread = \"0s\"")), now)
}

#[test]
fn hours_are_explained() {
    let explained = |brands, spec| {
        let rules = Rules { brands, ..rules() };
        let all = explain(&record(spec), &online(), &Flows::default(), &rules, at(0));
        let rule = all.into_iter().find(|rule| rule.name == "hours").expect("a rule of that name");
        format!("{:?}: {}", rule.verdict, rule.value)
    };
    assert_eq!(explained(presumed(), spec()), "Pass: always open");
    assert_eq!(explained(with_hours(MORNING), spec()), "Pass: open: it is Mon 13:00 in Europe/Paris");
    assert_eq!(
        explained(with_hours(MORNING), in_zone("Asia/Tokyo")),
        "Hold: quiet until 2025-12-01T23:00:00Z: outside the brand's hours; it is Mon 21:00 in Asia/Tokyo"
    );
}

/// Somebody who was seen for three weeks at noon and once at 18:00, UTC.
fn near(spec: SendSpec) -> Near {
    let mut hours = Hours::EMPTY;
    for seen in ["10T12", "17T12", "24T12", "24T18"] {
        hours.seen(moment(&format!("2025-11-{seen}:30:00Z")));
    }
    Near { spec: SendSpec { deadline: Some(at(24 * 3600)), ..spec }.into(), facts: None, hours }
}

#[test]
fn a_better_moment_is_one_at_which_the_brand_may_write() {
    let gate = |hours| gate(with_hours(hours), moment("2025-12-01T06:00:00Z"));
    let hour_of = |aim: Option<Aim>| aim.map(|aim| aim.at.strftime("%a %H").to_string());
    let letter = spec();
    assert_eq!(hour_of(gate(MORNING).aim(&near(letter.clone()))).as_deref(), Some("Mon 12"));
    let evening =
        "zone = \"Europe/Paris\"\nopen = [{ days = \"mon-sun\", from = \"16:00\", to = \"20:00\" }]";
    let aim = gate(evening).aim(&near(letter.clone()));
    assert_eq!(hour_of(aim).as_deref(), Some("Mon 18"), "19 o'clock in Paris");
    assert_eq!(gate(evening).aim(&near(in_zone("Asia/Tokyo"))), None, "9 and 3 o'clock there");
    let of_case = Near { facts: Some(facts("Asia/Tokyo")), ..near(letter.clone()) };
    assert_eq!(gate(evening).aim(&of_case), None);
    let unknown = Near { hours: Hours::EMPTY, ..near(letter) };
    assert_eq!(gate(MORNING).aim(&unknown), None);
}
