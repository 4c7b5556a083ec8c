//! What a copy shows: a bar on a terminal, a line now and then elsewhere, both on standard error; conflicts and the summary on
//! standard output, for files and pipes.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::store::portable::{Progress, Report, Seen};

/// Between two lines of progress where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows a copy under way.
pub(super) struct Show {
    bar: ProgressBar,
    terminal: bool,
    total: u64,
    said: Instant,
}

impl Show {
    /// Nothing has happened yet.
    pub(super) fn new() -> Self {
        Self { bar: ProgressBar::hidden(), terminal: stderr().is_terminal(), total: 0, said: Instant::now() }
    }

    /// Something has.
    pub(super) fn see(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Start(total) => self.start(*total),
            Seen::Conflict(brand, reference) => self.bar.suspend(|| {
                // The summary counts them again, and says so if nobody can read.
                let _ = writeln!(stdout(), "conflict {brand}/{reference}");
            }),
            Seen::Page(progress) => self.page(progress),
        }
    }

    fn start(&mut self, total: u64) {
        self.total = total;
        if self.terminal {
            let style = ProgressStyle::with_template(
                "{bar:40} {human_pos} of {human_len} sends, {per_sec}, {eta} left",
            );
            self.bar = ProgressBar::new(total).with_style(style.expect("the template is a constant"));
        }
    }

    fn page(&mut self, progress: &Progress) {
        let done = progress.moved + progress.known + progress.conflicts;
        self.bar.set_position(done);
        if !self.terminal && self.said.elapsed() >= PAUSE {
            self.said = Instant::now();
            // Nobody watches; the copy goes on.
            let _ = writeln!(stderr(), "{done} of {} sends", self.total);
        }
    }

    /// The bar makes room for what is said next.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// The figures of a whole copy.
pub(super) fn summary(report: &Report, took: Duration) -> String {
    let Progress { moved, known, conflicts, late, consents, mailboxes, suppressions, cases, flows } =
        report.progress;
    let late = match late {
        0 => String::new(),
        late => {
            format!("ended before   {late} (in the old store, meanwhile; the new one does not send them)\n")
        }
    };
    let mailboxes = match mailboxes {
        0 => String::new(),
        mailboxes => {
            format!("mailboxes      {mailboxes} (they are watched with the same secrets.toml only)\n")
        }
    };
    let suppressions = match suppressions {
        0 => String::new(),
        suppressions => format!("suppressions   {suppressions}\n"),
    };
    let cases = if cases == 0 { String::new() } else { format!("open cases     {cases}\n") };
    format!(
        "moved          {moved} sends in {:.1} s\nalready there  {known}\nconflicts      {conflicts}\n{late}\
         consents       {consents}\n{mailboxes}{suppressions}{cases}flow settings  {flows}\n",
        took.as_secs_f64()
    )
}
