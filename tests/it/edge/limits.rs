//! Slow, silent, greedy and too many clients, and the end of service.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use vigie::config;

use super::house::{House, PATIENCE, brand, edge_config, open};

const SHORT: Duration = Duration::from_secs(1);

fn impatient() -> House {
    House::with(&config::Edge { header_timeout: SHORT, ..edge_config() }, 100)
}

#[test]
fn a_silent_client_is_cut() {
    let house = impatient();
    let start = Instant::now();
    assert!(house.connect().ends());
    assert!(start.elapsed() >= SHORT, "cut after {:?}", start.elapsed());
    house.wait_for(r#"vigie_edge_connections_refused_total{reason="slow"}"#, 1);
}

#[test]
fn a_client_that_dribbles_its_head_is_cut() {
    let house = impatient();
    let mut client = house.connect();
    let start = Instant::now();
    client.send("GET /o/x HTTP/1.1\r\n");
    while client.try_send("X: y\r\n").is_ok() {
        assert!(start.elapsed() < Duration::from_secs(10), "never cut");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() >= SHORT, "cut after {:?}", start.elapsed());
}

#[test]
fn an_idle_connection_is_kept_for_a_while_after_each_request() {
    let house = impatient();
    let mut client = house.connect();
    let start = Instant::now();
    while start.elapsed() < SHORT * 2 {
        assert_eq!(client.ask("GET /o/x HTTP/1.1\r\nHost: t\r\n\r\n").status, 200);
        std::thread::sleep(SHORT / 5);
    }
    let idle = Instant::now();
    assert!(client.ends());
    assert!(idle.elapsed() >= SHORT / 2, "cut after {:?}", idle.elapsed());
}

#[test]
fn a_client_that_reads_nothing_is_cut() {
    let house = impatient();
    let mut client = house.connect();
    let many = "GET /o/x HTTP/1.1\r\nHost: t\r\n\r\n".repeat(100);
    let start = Instant::now();
    while client.try_send(&many).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(30), "never cut");
    }
    house.wait_for(r#"vigie_edge_connections_refused_total{reason="slow"}"#, 1);
    house.wait_for("vigie_edge_connections", 0);
}

#[test]
fn a_neighbourhood_has_its_share_of_connections() {
    let house = House::with(&config::Edge { max_connections_per_address: 2, ..edge_config() }, 100);
    let request = "GET /o/x HTTP/1.1\r\nHost: t\r\n\r\n";
    let mut guests = [house.connect(), house.connect()];
    assert!(guests.iter_mut().all(|guest| guest.ask(request).status == 200));
    assert!(house.connect().ends());
    assert_eq!(house.metric(r#"vigie_edge_connections_refused_total{reason="address"}"#), Some(1));
    drop(guests);
    house.wait_for("vigie_edge_connections", 0);
    assert_eq!(house.connect().ask(request).status, 200);
}

#[test]
fn beyond_the_limit_connections_wait_in_the_kernel() {
    let house = House::with(&config::Edge { max_connections: 1, threads: 1, ..edge_config() }, 100);
    let request = "GET /o/x HTTP/1.1\r\nHost: t\r\n\r\n";
    let mut first = house.connect();
    assert_eq!(first.ask(request).status, 200);
    let mut second = house.connect();
    second.send(request);
    assert_eq!(house.metric("vigie_edge_connections"), Some(1));
    assert_eq!(first.ask(request).status, 200);
    drop(first);
    assert_eq!(second.reply(false).status, 200);
}

#[test]
fn idle_threads_keep_no_permits_from_busy_ones() {
    let house = House::with(&config::Edge { max_connections: 1, threads: 4, ..edge_config() }, 100);
    for _ in 0..20 {
        assert_eq!(house.get("/o/x").status, 200);
    }
}

#[test]
fn every_thread_serves_the_port() {
    let house = House::with(&config::Edge { threads: 4, ..edge_config() }, 100);
    for _ in 0..50 {
        assert_eq!(house.get("/o/x").status, 200);
    }
    house.close().expect("all threads end");
}

#[test]
fn stopping_closes_idle_connections_and_the_port() {
    let house = House::open();
    let token = house.mint(&open(7), &brand("demo"));
    let mut busy = house.connect();
    busy.ask(&format!("GET /o/{token} HTTP/1.1\r\nHost: t\r\n\r\n"));
    let silent = house.connect();
    house.wait_for("vigie_edge_connections", 2);
    let (address, start) = (house.address, Instant::now());
    house.close().expect("an orderly end");
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    assert!(busy.ends());
    drop(silent);
    assert!(TcpStream::connect(address).is_err(), "the port is free");
}

#[test]
fn a_first_request_under_way_when_we_stop_is_answered() {
    let house = House::open();
    let mut client = house.connect();
    client.send("GET /o/x HTTP/1.1\r\nHo");
    let mut idle = house.connect();
    assert_eq!(idle.ask("GET /o/x HTTP/1.1\r\nHost: t\r\n\r\n").status, 200);
    house.wait_for("vigie_edge_connections", 2);
    house.stop.cancel();
    assert!(idle.ends(), "the stop has reached the connections");
    client.send("st: t\r\n\r\n");
    assert_eq!(client.reply(false).status, 200);
    assert!(client.ends());
    house.close().expect("an orderly end");
}

#[test]
fn an_edge_that_nobody_waits_for_any_more_stops() {
    let house = House::open();
    house.abandon();
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(house.address).is_ok() {
        assert!(Instant::now() < until, "still listening");
        std::thread::yield_now();
    }
}
