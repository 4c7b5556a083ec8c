//! `vigie classify`: what a request would be worth, for operators who wonder, and how often the rules are right.

mod labelled;
mod lines;
mod observation;

use std::fs::File;
use std::io::{BufReader, Read, Write, stderr, stdin, stdout};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Failure};
use crate::classify::Classifier;
use crate::config::Config;
use crate::model::Verdict;
use lines::{Line, Lines};
use observation::Observation;

/// What is to be judged.
#[derive(Debug, Args)]
pub(super) struct Classify {
    /// What was seen, a line each; `-` is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Configuration files, the later override the earlier
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    #[command(flatten)]
    accuracy: labelled::Accuracy,
}

/// What the command says of itself.
pub(super) const ABOUT: &str = "\
Say what requests would be worth, by the rules that judge them at the edge.

A line is a user agent as it stands in a log, or a JSON object: `agent` (or a User-Agent in `headers`), `kind` (open, click, \
beacon, partner, imap, webmail, portal; open if not said), `address`, `headers` (an object), `method`, `age_s` (seconds since \
the relay took the mail it is about; none is named if not said), `activated` (of a beacon), `deed` (of imap, webmail and portal: \
read, act, write, active, visible, login, sync, change, leave). Each line is answered with `verdict<TAB>confidence<TAB>reason<TAB>open<TAB>presence`; one that cannot be read with a \
`-` in each column, and a sentence on standard error. Lines are at most 64 KiB long.

With --labelled, agents whose kind is known are judged, and the answer is how often that was right.

Exit codes: 0 all answered; 65 a line or the file cannot be read.";

/// What stands in the place of an answer.
const NO_ANSWER: &str = "-\t-\t-\t-\t-";

impl Classify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = Config::load(&self.config, std::env::vars_os())?;
        let classifier = Classifier::new(&config.classify, config.presence.scan_grace)
            .map_err(|bad| Failure::new(Exit::Configuration, bad.to_string()))?;
        match self.accuracy.labelled() {
            Some(file) => self.accuracy.measure(&classifier, open(file)?, &mut stdout().lock()),
            None => answer(&classifier, open(&self.file)?, &mut stdout().lock()),
        }
    }
}

/// The file, or standard input.
fn open(file: &Path) -> Result<Lines<Box<dyn Read>>, Failure> {
    let name = file.display();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(stdin().lock())
    } else {
        let opened = File::open(file);
        Box::new(opened.map_err(|error| Failure::new(Exit::Data, format!("cannot read {name}: {error}")))?)
    };
    Ok(Lines::new(BufReader::new(source), name.to_string()))
}

/// A line of output per line of input, at once if more input is not there yet.
fn answer(
    classifier: &Classifier,
    mut lines: Lines<impl Read>,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let mut output = std::io::BufWriter::new(output);
    let (mut number, mut bad) = (0_u64, 0_u64);
    while let Some(line) = lines.next()? {
        number += 1;
        let answer = observation(line).map(|seen| columns(&seen.judge(classifier)));
        let answer = answer.unwrap_or_else(|why| {
            bad += 1;
            // Nobody reads standard error; the columns and the code still say it.
            let _ = writeln!(stderr(), "vigie: line {number}: {why}");
            NO_ANSWER.to_owned()
        });
        writeln!(output, "{answer}").map_err(|error| Failure::output(&error))?;
        if lines.would_wait() {
            output.flush().map_err(|error| Failure::output(&error))?;
        }
    }
    output.flush().map_err(|error| Failure::output(&error))?;
    match bad {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::Data, format!("{bad} of {number} lines could not be read"))),
    }
}

fn observation(line: Line) -> Result<Observation, String> {
    match line {
        Line::Text(text) => Observation::read(&text),
        Line::TooLong => Err(format!("it is longer than {} bytes", lines::LONGEST)),
    }
}

fn columns(verdict: &Verdict) -> String {
    let yes = |yes| if yes { "yes" } else { "no" };
    format!(
        "{}\t{:.2}\t{}\t{}\t{}",
        verdict.class.as_str(),
        verdict.confidence,
        verdict.reason,
        yes(verdict.open),
        verdict.presence.as_str()
    )
}
