//! A real nginx that answers with an empty GIF: what the gateway's own pixel is
//! measured against.

use std::net::SocketAddr;

use super::process;
use super::server::{Recipe, Server, Site};

static RECIPE: Recipe =
    Recipe { program: "/usr/sbin/nginx", prepare, logs: &[], greeting_request: "GET /name HTTP/1.0\r\n\r\n" };

/// An nginx of its own, with one worker process, so one core's worth.
///
/// Every path answers with nginx's built-in GIF of 43 bytes, and nothing is
/// logged per request.
pub struct Nginx {
    server: Server,
}

impl Nginx {
    /// Starts an nginx, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If nginx is not installed, or does not come up.
    pub async fn start() -> Nginx {
        Nginx { server: RECIPE.start().await }
    }

    /// Where it answers HTTP.
    pub fn addr(&self) -> SocketAddr {
        self.server.site().addr
    }

    /// The id of its first process, which is also the id of the process group.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// The processor time its worker has used so far, in steps of 10 ms.
    pub fn cpu_seconds(&self) -> f64 {
        process::running()
            .find(|process| process.parent == self.id())
            .expect("a running nginx has a worker")
            .cpu_seconds
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.server.log()
    }
}

/// Writes nginx's configuration.
fn prepare(site: &Site) -> Vec<String> {
    site.write("nginx.conf", &configuration(site));
    let dir = site.dir();
    vec!["-p".into(), dir.into(), "-c".into(), "nginx.conf".into(), "-e".into(), "stderr".into()]
}

/// The whole configuration. Paths are relative to the directory given by `-p`.
fn configuration(site: &Site) -> String {
    let name = site.name();
    let addr = site.addr;
    format!(
        "daemon off;
pid nginx.pid;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {addr};
        location / {{ empty_gif; }}
        location = /name {{ return 200 '{name}'; }}
    }}
}}
"
    )
}
