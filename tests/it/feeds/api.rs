//! `POST /v1/imports`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};

use super::rig::report;
use crate::api::client::Answer;
use crate::api::house::{House, Plan, send};

const PATH: &str = "/v1/imports?brand=demo&template=reminder&campaign=wave";

const HEADER: &str = "to.email,case,vars.amount\n";

async fn import(house: &House, path: &str, media: &str, body: impl Into<Bytes>) -> Answer {
    let request = Request::post(path).header("host", "vigie").header("authorization", "Bearer key of demo");
    let request = request.header("content-type", media).body(Full::new(body.into())).expect("a request");
    house.producer().send(request).await
}

async fn csv(house: &House, body: &str) -> Vec<Value> {
    import(house, PATH, "text/csv", body.to_owned()).await.lines()
}

/// The refused lines of an answer.
fn refused(lines: &[Value]) -> Vec<(u64, &str)> {
    let refused =
        lines.iter().filter_map(|line| Some((line["line"].as_u64()?, line["field"].as_str().unwrap_or(""))));
    refused.collect()
}

#[tokio::test]
async fn lines_become_sends_and_the_same_feed_changes_nothing() {
    let house = House::with(Plan { batch: 2, ..Plan::default() }).await;
    let feed =
        format!("{HEADER}a@example.org,K-1,1\nb@example.org,K-2,2\n\na@example.org,K-1,1\nc@example.org,,3");
    let lines = csv(&house, &feed).await;
    assert_eq!(lines[0]["source"]["columns"], json!(["to.email", "case", "vars.amount"]));
    assert_eq!(lines[0]["source"]["delimiter"], ",");
    let first = report(&lines);
    let sums = |report: &Value| {
        ["lines", "accepted", "same", "duplicate", "rejected"].map(|name| report[name].as_u64())
    };
    assert_eq!(sums(first), [4, 3, 0, 1, 0].map(Some));
    assert_eq!((&first["complete"], &first["unterminated"]), (&json!(true), &json!(true)));
    let again = csv(&house, &feed).await;
    assert_eq!(sums(report(&again)), [4, 0, 3, 1, 0].map(Some));
    let waiting =
        house.operator().post("/v1/recipients/lookup", &json!({"email": "a@example.org"})).await.with(200);
    let sends = waiting["waiting"].as_array().expect("a list");
    assert_eq!(sends.len(), 1);
    let id = sends[0]["id"].as_str().expect("an id");
    assert!(id.starts_with("feed-") && id.len() == 37, "{id}");
    assert_eq!((&sends[0]["campaign"], &sends[0]["case"]), (&json!("wave"), &json!("K-1")));
    let text = house.registry.text();
    for series in ["accepted\"} 3", "same\"} 3", "duplicate\"} 2"] {
        assert!(
            text.contains(&format!("vigie_import_lines_total{{brand=\"demo\",result=\"{series}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn bad_lines_are_named_while_the_others_live() {
    let house = House::with(Plan { batch: 3, ..Plan::default() }).await;
    let long = "x".repeat(2000);
    let feed = format!(
        "{HEADER}no address,K,1\nb@example.org,K,\n{long},K,1\nd@example.org,K\n\"e@example.org\",\"K\n2\",1\nf@example.org,K,1\ng@example.org,\"torn,1\n"
    );
    let lines = csv(&house, &feed).await;
    let expected = [(2, "to.email"), (3, "vars.amount"), (4, ""), (5, ""), (6, "case"), (9, "")];
    assert_eq!(refused(&lines), expected);
    assert_eq!(report(&lines)["accepted"], 1);
    assert!(
        lines.iter().all(|line| line.get("cells").is_none()),
        "what stands there is shown only if asked for"
    );
    let shown = import(&house, &format!("{PATH}&originals=true&problems=2"), "text/csv", feed).await.lines();
    assert_eq!(refused(&shown), expected[..2]);
    assert_eq!(shown[1]["cells"], json!(["no address", "K", "1"]));
    assert_eq!((&report(&shown)["rejected"], &report(&shown)["not_listed"]), (&json!(6), &json!(4)));
}

#[tokio::test]
async fn ids_that_are_taken_by_something_else_are_refused() {
    let house = House::open().await;
    let feed = "id,to.email,vars.amount\ns-1,a@example.org,1\ns-1,a@example.org,2\ns-1,a@example.org,1\n";
    for dry_run in ["true", "false"] {
        let lines = import(&house, &format!("{PATH}&dry_run={dry_run}"), "text/csv", feed).await.lines();
        let report = report(&lines);
        let sums = ["accepted", "duplicate", "rejected"].map(|name| report[name].as_u64());
        assert_eq!(sums, [1, 1, 1].map(Some), "dry run: {dry_run}");
        assert_eq!(refused(&lines).first().map(|(line, _)| *line), Some(3));
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let house = House::open().await;
    house.producer().post("/v1/sends", &send("s-1", "a@example.org")).await.with(202);
    let feed = "id,to.email,vars.amount\ns-1,a@example.org,1\ns-2,b@example.org,2\ns-3,bad,2\n";
    let lines = import(&house, &format!("{PATH}&dry_run=true"), "text/csv", feed).await.lines();
    let sums = ["accepted", "same", "rejected"].map(|name| report(&lines)[name].as_u64());
    assert_eq!(sums, [1, 1, 1].map(Some));
    house.producer().get("/v1/sends/s-2").await.problem(404);
    assert!(!house.registry.text().contains("vigie_import_lines_total{"), "dry runs are not counted");
}

#[tokio::test]
async fn ndjson_and_other_encodings_come_in_by_the_same_door() {
    let house = House::open().await;
    let whole = send("s-1", "a@example.org").to_string();
    let body = format!(
        "{whole}\n{{\"to\":{{\"email\":\"b@example.org\"}},\"vars\":{{\"amount\":2}},\"id\":\"s-2\"}}\n[]\n{{\"to\":1,\"to\":2}}\n{{\"torn"
    );
    let lines = import(&house, PATH, "application/x-ndjson", body).await.lines();
    assert_eq!(report(&lines)["accepted"], 2);
    assert_eq!(refused(&lines).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5]);
    let latin =
        [b"to.email;to.name;vars.amount;id\n" as &[u8], b"c@example.org;\xc9lo\xefse;1;s-3\n"].concat();
    let utf_16: Vec<u8> = "\u{feff}to.email\tvars.amount\tid\nd@example.org\t1\ts-4\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (media, bytes) in [("text/csv; charset=latin1", latin), ("application/octet-stream", utf_16)] {
        let lines = import(&house, PATH, media, bytes).await.lines();
        assert_eq!(report(&lines)["accepted"], 1, "{lines:?}");
    }
    let spec = house.store.send(vigie::model::SendId::derive(&"demo".parse().expect("a name"), "s-3")).await;
    let spec = spec.expect("asked").expect("accepted").spec.expect("it waits");
    assert_eq!(spec.to.name(), Some("Éloïse"));
}

#[tokio::test]
async fn a_mapping_may_come_along() {
    let house = House::open().await;
    let mapping = json!({"columns": {"Mail": "to.email", "Due": {"field": "vars.amount", "format": "decimal", "decimal": ","}}});
    let brought = |mapping: &Value| URL_SAFE_NO_PAD.encode(mapping.to_string());
    let call = async |mapping: String| {
        let request =
            Request::post(PATH).header("host", "vigie").header("authorization", "Bearer key of demo");
        let request = request.header("content-type", "text/csv").header("vigie-mapping", mapping);
        let body = Full::from("Mail;Due;Rest\na@example.org;1 200,5;x\nb@example.org;12.5;\n");
        house.producer().send(request.body(body).expect("a request")).await
    };
    let lines = call(brought(&mapping)).await.lines();
    assert_eq!((&report(&lines)["accepted"], refused(&lines)), (&json!(1), vec![(3, "vars.amount")]));
    for bad in ["{}}".to_owned(), brought(&json!({"colums": {}})), brought(&json!({"columns": {"a": "b"}}))] {
        assert_eq!(call(bad).await.problem(422)["field"], "Vigie-Mapping");
    }
}

#[tokio::test]
async fn an_import_that_cannot_be_is_refused_as_a_whole() {
    let house = House::open().await;
    let good = format!("{HEADER}a@example.org,K,1\n");
    for (path, status, field) in [
        ("/v1/imports", 422, "brand"),
        ("/v1/imports?brand=other", 403, "brand"),
        ("/v1/imports?brand=demo&mapping=none", 422, "mapping"),
        ("/v1/imports?brand=demo&delimiter=ab", 422, "delimiter"),
        ("/v1/imports?brand=demo&dry_run=yes", 422, "dry_run"),
        ("/v1/imports?brand=demo&skip=-1", 422, "skip"),
        ("/v1/imports?brand=demo&campaign=No+Name", 422, "campaign"),
    ] {
        assert_eq!(
            import(&house, path, "text/csv", good.clone()).await.problem(status)["field"],
            field,
            "{path}"
        );
    }
    assert_eq!(import(&house, "/v1/imports?brand=demo&bramd=x", "text/csv", good.clone()).await.status, 400);
    import(&house, PATH, "application/json", "{}").await.problem(415);
    import(&house, PATH, "text/csv; charset=klingon", good).await.problem(422);
    for body in ["", "\n\n", "to.email,amount\n", "case,vars.amount\nK,1\n", "to.email,\"case\n"] {
        import(&house, PATH, "text/csv", body).await.problem(422);
    }
    let signals = house.caller("signals").call("POST", PATH, "text/csv", "").await;
    signals.problem(403);
}

#[tokio::test]
async fn lines_that_are_dealt_with_can_be_skipped() {
    let house = House::open().await;
    let feed = format!("{HEADER}a@example.org,K,1\nbad,K,1\nc@example.org,K,1\n");
    let lines = import(&house, &format!("{PATH}&skip=2"), "text/csv", feed).await.lines();
    let sums = ["lines", "skipped", "accepted", "rejected"].map(|name| report(&lines)[name].as_u64());
    assert_eq!(sums, [3, 2, 1, 0].map(Some));
}

#[tokio::test]
async fn a_full_store_stops_an_import_which_says_how_far_it_came() {
    let house = House::with(Plan { batch: 2, max_waiting: 3, ..Plan::default() }).await;
    tokio::time::pause();
    let feed =
        format!("{HEADER}a@example.org,K,1\nb@example.org,K,1\nc@example.org,K,1\nd@example.org,K,1\n");
    let lines = csv(&house, &feed).await;
    let report = report(&lines);
    assert_eq!((&report["complete"], &report["lines"]), (&json!(false), &json!(2)));
    assert!(report["stopped"].as_str().is_some_and(|why| why.contains("wait already")), "{report}");
}

/// The case's amount now.
async fn owed(house: &House, case: &str) -> Value {
    house.producer().get(&format!("/v1/cases/demo/{case}")).await.with(200)["amount"].clone()
}

#[tokio::test]
async fn the_last_line_of_a_case_holds_also_where_its_letter_is_the_same() {
    let house = House::open().await;
    let feed = "to.email,case,case.amount,case.currency,vars.amount\na@example.org,K-1,100.00,EUR,x\n\
        a@example.org,K-1,80.00,EUR,x\na@example.org,K-1,80.00,EUR,x\n";
    let sums = |lines: &[Value]| {
        ["accepted", "same", "duplicate", "rejected"].map(|name| report(lines)[name].as_u64())
    };
    assert_eq!(sums(&csv(&house, feed).await), [2, 0, 1, 0].map(Some));
    assert_eq!(owed(&house, "K-1").await, "80.00");
    let paid = feed.replace("100.00", "60.00").replace("80.00", "60.00");
    assert_eq!(
        sums(&csv(&house, &paid).await),
        [1, 0, 2, 0].map(Some),
        "the letter is the same, the case is not"
    );
    assert_eq!(owed(&house, "K-1").await, "60.00");
    assert_eq!(sums(&csv(&house, &paid).await), [0, 1, 2, 0].map(Some));
}

#[tokio::test]
async fn a_feed_of_cases_says_when_nothing_changed() {
    let house = House::open().await;
    let feed =
        "to.email,case,case.amount,case.currency\na@example.org,K-1,100.00,EUR\nb@example.org,K-2,5.00,EUR\n";
    let import = async |dry_run: bool, feed: &str| {
        let path = format!("/v1/imports?brand=demo&dry_run={dry_run}");
        let lines = import(&house, &path, "text/csv", feed.to_owned()).await.lines();
        ["accepted", "same", "duplicate"].map(|name| report(&lines)[name].as_u64().expect("a sum"))
    };
    let twice = format!("{feed}b@example.org,K-2,5.00,EUR\n");
    assert_eq!(
        import(true, &twice).await,
        [2, 0, 1],
        "a line that says the same of its case is one of the feed's"
    );
    let import = async |dry_run: bool, feed: &str| {
        let [accepted, same, _] = import(dry_run, feed).await;
        [accepted, same]
    };
    assert_eq!(import(true, feed).await, [2, 0]);
    assert_eq!(import(false, feed).await, [2, 0]);
    for dry_run in [true, false] {
        assert_eq!(import(dry_run, feed).await, [0, 2], "dry run: {dry_run}");
    }
    let paid = feed.replace("5.00", "4.00");
    for dry_run in [true, false] {
        assert_eq!(import(dry_run, &paid).await, [1, 1], "dry run: {dry_run}");
    }
}
