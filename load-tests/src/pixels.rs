//! The price of recording an open against the price of serving a blank GIF.
//!
//! nginx (one process, `empty_gif`, no log) and one vigie edge (one thread; token verified, request judged, counted,
//! recipient found online) run side by side; `wrk` loads them in turns, so that whatever else the machine does falls
//! on both.

mod latency;

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Server;
use crate::report::{Output, Report};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds; each loads both servers once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of load for each server in each round.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Threads of the edge.
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Instead of the comparison: how long vigie takes for each pixel at so many a second, open loop.
    #[arg(long)]
    rate: Option<u32>,
    #[command(flatten)]
    output: Output,
}

/// What one server did in one round.
#[derive(Debug, Clone, Copy)]
struct Figures {
    per_second: f64,
    cpu_micros: f64,
}

/// A browser's agent: 111 bytes, the length mail clients send.
const AGENT: &str = "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// Runs the comparison and prints each round, then the medians and their ratios; or the latency at a rate.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(rate) = arguments.rate {
        return latency::run(arguments, rate);
    }
    let directory = tempfile::tempdir()?;
    let (nginx, nginx_url) = nginx(&directory)?;
    let (vigie, vigie_url) = vigie(arguments.threads)?;
    let mut rounds = Vec::new();
    say("round   nginx req/s   µs CPU/req    vigie req/s   µs CPU/req");
    for round in 1..=arguments.rounds {
        let theirs = load(arguments, &nginx, &nginx_url)?;
        let ours = load(arguments, &vigie, &vigie_url)?;
        say(&line(&round.to_string(), theirs, ours));
        rounds.push((theirs, ours));
    }
    let theirs = median(rounds.iter().map(|(theirs, _)| *theirs).collect());
    let ours = median(rounds.iter().map(|(_, ours)| *ours).collect());
    let mut report = Report::new("pixels");
    report.parameter("rounds", arguments.rounds);
    report.parameter("seconds", arguments.seconds);
    report.parameter("connections", arguments.connections);
    report.figure("nginx requests", theirs.per_second, "/s");
    report.figure("vigie requests", ours.per_second, "/s");
    report.figure("nginx processor per request", theirs.cpu_micros, "µs");
    report.figure("vigie processor per request", ours.cpu_micros, "µs");
    report.figure("vigie / nginx requests", ours.per_second / theirs.per_second, "");
    report.figure("vigie / nginx processor per request", ours.cpu_micros / theirs.cpu_micros, "");
    report.finish(&arguments.output)
}

fn line(name: &str, theirs: Figures, ours: Figures) -> String {
    let mut line = format!("{name:<6}");
    for figures in [theirs, ours] {
        // Writing into a String cannot fail.
        let _ = write!(line, "{:>13.0} {:>12.2} ", figures.per_second, figures.cpu_micros);
    }
    line
}

fn median(mut all: Vec<Figures>) -> Figures {
    let mut middle = |key: fn(&Figures) -> f64| {
        all.sort_by(|a, b| key(a).total_cmp(&key(b)));
        key(&all[all.len() / 2])
    };
    Figures {
        per_second: middle(|figures| figures.per_second),
        cpu_micros: middle(|figures| figures.cpu_micros),
    }
}

/// Loads one server with `wrk` and reads what it cost.
fn load(arguments: &Arguments, server: &Server, url: &str) -> io::Result<Figures> {
    let before = server.cpu()?;
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{}", arguments.connections), &format!("-d{}s", arguments.seconds)])
        .args(["-H", AGENT, url])
        .output()?;
    let used = server.cpu()?.saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(io::Error::other(format!("wrk met errors:\n{text}")));
    }
    let after = |mark: &str| text.split(mark).nth(1)?.split_whitespace().next()?.parse::<f64>().ok();
    let before = |mark: &str| text.split(mark).next()?.split_whitespace().last()?.parse::<f64>().ok();
    match (after("Requests/sec:"), before(" requests in")) {
        (Some(per_second), Some(requests)) => {
            Ok(Figures { per_second, cpu_micros: used.as_secs_f64() * 1e6 / requests })
        }
        _ => Err(io::Error::other(format!("cannot read what wrk says:\n{text}"))),
    }
}

/// nginx as one process, and the URL of its blank GIF.
fn nginx(directory: &TempDir) -> io::Result<(Server, String)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let root = directory.path().display();
    let config = format!(
        "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log stderr crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 60s; client_body_temp_path {root};\n\
         proxy_temp_path {root}; fastcgi_temp_path {root}; uwsgi_temp_path {root}; scgi_temp_path {root};\n\
         server {{ listen 127.0.0.1:{port}; location /o/ {{ empty_gif; }} }} }}\n"
    );
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, config)?;
    let server = Server::start(Command::new("nginx").arg("-c").arg(&file))?;
    wait_for(port)?;
    // As long as a real token's path, so that both parse the same request.
    Ok((server, format!("http://127.0.0.1:{port}/o/{}.gif", "A".repeat(76))))
}

fn wait_for(port: u16) -> io::Result<()> {
    for _ in 0..100 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(io::Error::other("nginx does not listen"))
}

/// One edge in a process of its own, and the URL of a pixel with a good token.
fn vigie(threads: u32) -> io::Result<(Server, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["edge", "--threads", &threads.to_string()]).stdout(Stdio::piped());
    let mut server = Server::start(&mut command)?;
    let mut url = String::new();
    let output = server.child().stdout.take().ok_or_else(|| io::Error::other("the edge has no output"))?;
    BufReader::new(output).read_line(&mut url)?;
    Ok((server, url.trim().to_owned()))
}

#[expect(clippy::print_stdout, reason = "a command line tool's result")]
fn say(line: &str) {
    println!("{line}");
}
