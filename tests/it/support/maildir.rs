//! Reads the mails a server has delivered into its Maildir.

use std::fs;
use std::time::{Duration, Instant};

use super::server::Server;

/// The Maildir, in the server's directory.
pub const FOLDER: &str = "mail";

/// How long delivery of an accepted mail may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look for new mails.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Every mail in the Maildir, whole, oldest first.
///
/// A mail is there once the server has moved it to `new`, so none is partial.
pub fn read(server: &Server) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(server.site().path(FOLDER).join("new")) else {
        return Vec::new(); // The server makes the folder with its first mail.
    };
    let mut mails: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("the tests may read the Maildir").path();
            let written = path.metadata().and_then(|file| file.modified()).expect("nobody removes mails");
            (written, path)
        })
        .collect();
    mails.sort();
    mails.into_iter().map(|(_, path)| fs::read(path).expect("nobody removes mails")).collect()
}

/// Waits until the Maildir holds `count` mails or more, and returns them.
///
/// # Panics
///
/// If that takes too long; the message then holds the server's log.
pub async fn wait_for(server: &Server, count: usize) -> Vec<Vec<u8>> {
    let start = Instant::now();
    loop {
        let mails = read(server);
        if mails.len() >= count {
            return mails;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{} of {count} mails delivered; log:\n{}",
            mails.len(),
            server.log()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
