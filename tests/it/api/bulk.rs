//! Bulk pushes: one answer per line, in order, whatever the other lines are.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::house::{House, Plan, name, send};

fn lines(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        writeln!(text, "{}", send(&format!("s-{n}"), &format!("p{n}@example.org"))).expect("text");
        text
    })
}

#[tokio::test]
async fn bad_lines_are_refused_by_number_while_the_others_live() {
    let house = House::open().await;
    let good = send("s-1", "marie@example.org").to_string();
    let mut no_amount = send("s-2", "marie@example.org");
    no_amount["vars"] = json!({});
    let mut foreign = send("s-3", "marie@example.org");
    foreign["brand"] = "other".into();
    let other = good.replace("120,50", "1");
    let long = send("s-4", "marie@example.org").to_string().replace("c-1", &"x".repeat(2000));
    let body =
        format!("{good}\n{{\"id\":\n{no_amount}\r\n\n{foreign}\n{long}\n{good}\n{other}\n\u{ff}\n{{\"torn");
    let answer = house.producer().bulk("/v1/sends", &body).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let told: Vec<_> = answer
        .lines()
        .iter()
        .map(|line| (line["line"].as_u64().expect("a number"), line["status"].as_u64().expect("a status")))
        .collect();
    let expected = [202, 400, 422, 400, 403, 413, 200, 409, 400, 400];
    assert_eq!(told, (1..).zip(expected).collect::<Vec<_>>());
    let lines = answer.lines();
    assert_eq!(lines[0], json!({"line": 1, "status": 202, "id": "s-1", "brand": "demo", "state": "waiting"}));
    assert_eq!((&lines[2]["id"], &lines[2]["problem"]["field"]), (&json!("s-2"), &json!("vars.amount")));
    assert_eq!(lines[7]["id"], "s-1");
    assert_eq!(lines[7]["problem"]["status"], 409);
}

#[tokio::test]
async fn thousands_of_lines_keep_their_order() {
    let house = House::with(Plan { batch: 64, ..Plan::default() }).await;
    let answers = house.producer().bulk("/v1/sends", &lines(1000)).await.lines();
    assert_eq!(answers.len(), 1000);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!((&answer["line"], &answer["status"]), (&json!(n + 1), &json!(202)), "{answer}");
        assert_eq!(answer["id"], format!("s-{n}"));
    }
    let again = house.producer().bulk("/v1/sends", &lines(1000)).await.lines();
    assert!(again.iter().all(|answer| answer["status"] == 200), "the same file again changes nothing");
}

#[tokio::test]
async fn people_online_are_claimed_in_bulk_too() {
    let house = House::open().await;
    house.seen("p7@example.org").await;
    let answers = house.producer().bulk("/v1/sends", &lines(20)).await.lines();
    let claimed: Vec<_> = answers.iter().filter(|answer| answer["state"] == "claimed").collect();
    assert_eq!((claimed.len(), &claimed[0]["id"]), (1, &json!("s-7")));
    assert_eq!(house.fired.borrow().len(), 1);
}

#[tokio::test]
async fn a_full_store_refuses_the_rest() {
    let house = House::with(Plan { max_waiting: 5, ..Plan::default() }).await;
    let answers = house.producer().bulk("/v1/sends", &lines(8)).await.lines();
    let statuses: Vec<_> =
        answers.iter().map(|answer| answer["status"].as_u64().expect("a status")).collect();
    assert_eq!(statuses, [202, 202, 202, 202, 202, 503, 503, 503]);
    let answer = house.producer().post("/v1/sends", &send("s-9", "a@example.org")).await;
    answer.problem(503);
    assert_ne!(answer.header("retry-after"), "");
}

/// Opens a bulk push whose body goes on.
async fn begin(house: &House) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(house.address).await.expect("connected");
    let head = "POST /v1/sends HTTP/1.1\r\nhost: vigie\r\nauthorization: Bearer key of demo\r\n\
                content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("written");
    BufReader::new(stream)
}

async fn chunk(stream: &mut BufReader<TcpStream>, text: &str) {
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    stream.get_mut().write_all(chunk.as_bytes()).await.expect("written");
}

/// The next line of the answer's body.
async fn answer(stream: &mut BufReader<TcpStream>) -> Value {
    loop {
        let mut line = String::new();
        let read = stream.read_line(&mut line);
        let length =
            tokio::time::timeout(Duration::from_secs(10), read).await.expect("in time").expect("read");
        assert_ne!(length, 0, "the answer ended");
        if line.starts_with('{') {
            return serde_json::from_str(&line).expect("JSON");
        }
    }
}

#[tokio::test]
async fn each_line_is_answered_while_the_body_is_still_open() {
    let house = House::open().await;
    let mut stream = begin(&house).await;
    for n in 0..3 {
        chunk(&mut stream, &format!("{}\n", send(&format!("s-{n}"), "marie@example.org"))).await;
        let answer = answer(&mut stream).await;
        assert_eq!((&answer["line"], &answer["status"]), (&json!(n + 1), &json!(202)));
    }
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_whole_lines_behind() {
    let house = House::open().await;
    let mut stream = begin(&house).await;
    let (whole, torn) = (send("s-1", "marie@example.org"), send("s-2", "marie@example.org").to_string());
    chunk(&mut stream, &format!("{whole}\n{torn}")).await;
    assert_eq!(answer(&mut stream).await["id"], "s-1");
    drop(stream);
    house.shutdown.cancel();
    let mut house = house;
    tokio::time::timeout(Duration::from_secs(10), &mut house.serving)
        .await
        .expect("it stops")
        .expect("no panic");
    let known = |id| vigie::model::SendId::derive(&name("demo"), id);
    assert!(house.store.send(known("s-1")).await.expect("asked").is_some());
    assert!(house.store.send(known("s-2")).await.expect("asked").is_none(), "never said to its end");
}

#[tokio::test]
async fn stopping_cuts_a_bulk_push_so_that_it_is_seen() {
    let house = House::open().await;
    let mut stream = begin(&house).await;
    chunk(&mut stream, &format!("{}\n", send("s-1", "marie@example.org"))).await;
    assert_eq!(answer(&mut stream).await["status"], 202);
    house.shutdown.cancel();
    let mut rest = Vec::new();
    // Cut or reset: in any case without the last chunk that would say "complete".
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_client_may_write_everything_before_it_reads() {
    let house = House::open().await;
    // With a small window the answers soon find no room in the sockets.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small window");
    let mut stream = socket.connect(house.address).await.expect("connected");
    let body = format!("{{}}{:150}\n", "").repeat(15_000);
    let head = format!(
        "POST /v1/sends HTTP/1.1\r\nhost: vigie\r\nauthorization: Bearer key of demo\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let all = async {
        stream.write_all(head.as_bytes()).await.expect("written");
        stream.write_all(body.as_bytes()).await.expect("written");
    };
    tokio::time::timeout(Duration::from_secs(25), all).await.expect("no deadlock");
    let mut stream = BufReader::new(stream);
    for n in 0..15_000 {
        assert_eq!(answer(&mut stream).await["line"], n + 1);
    }
}
