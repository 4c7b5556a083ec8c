//! What a run does at the moment, on standard error: one line that changes on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

/// Between two looks on a terminal.
const OFTEN: Duration = Duration::from_millis(250);

/// Between two lines elsewhere.
const SELDOM: Duration = Duration::from_secs(5);

/// Says what a run does until it is dropped.
pub struct Live {
    stop: Option<Sender<()>>,
    speaking: Option<JoinHandle<()>>,
}

impl Live {
    /// `line` is asked again and again what to say.
    pub fn watch(mut line: impl FnMut() -> String + Send + 'static) -> Self {
        let (stop, stopped) = channel::<()>();
        let speaking = std::thread::spawn(move || {
            let terminal = std::io::stderr().is_terminal();
            let bar = ProgressBar::new_spinner();
            let begun = Instant::now();
            let pause = if terminal { OFTEN } else { SELDOM };
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let text = format!("{:>4} s  {}", begun.elapsed().as_secs(), line());
                if terminal {
                    bar.set_message(text);
                    bar.tick();
                } else {
                    eprintln!("{text}");
                }
            }
            bar.finish_and_clear();
        });
        Self { stop: Some(stop), speaking: Some(speaking) }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(speaking) = self.speaking.take() {
            // It only prints; had it panicked, nothing measured would be wrong.
            let _ = speaking.join();
        }
    }
}
