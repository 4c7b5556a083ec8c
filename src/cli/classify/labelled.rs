//! `vigie classify --labelled`: agents whose kind somebody else knows, and how often the rules agree.

mod table;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Observation;
use super::lines::{Line, Lines};
use crate::classify::Classifier;
use crate::cli::{Exit, Failure};
use crate::model::{Class, Verdict};
use table::{Label, Tally};

/// How accuracy is measured.
#[derive(Debug, Args)]
pub(super) struct Accuracy {
    /// Measure instead: a file of `label<TAB>source<TAB>agent`, with labels `human_mail_client`,
    /// `human_browser`, `image_proxy`, `prefetch`, `scanner_bot`, `crawler_bot`, `library`
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    labelled: Option<PathBuf>,
    /// Count only rows whose source has this in it
    #[arg(long, value_name = "SOURCE", requires = "labelled")]
    only: Option<String>,
    /// Leave out rows whose source has this in it
    #[arg(long, value_name = "SOURCE", requires = "labelled")]
    leave_out: Option<String>,
    /// A table by source, too
    #[arg(long, requires = "labelled")]
    by_source: bool,
    /// The rows that were judged wrong, too: `label<TAB>verdict<TAB>reason<TAB>agent`
    #[arg(long, requires = "labelled")]
    wrong: bool,
}

/// One row of the file.
struct Row<'line> {
    label: Label,
    source: &'line str,
    agent: &'line str,
}

impl Accuracy {
    /// The file, if accuracy is asked for.
    pub(super) fn labelled(&self) -> Option<&Path> {
        self.labelled.as_deref()
    }

    /// Judges all rows and prints what came of it.
    pub(super) fn measure(
        &self,
        classifier: &Classifier,
        mut rows: Lines<impl Read>,
        output: &mut impl Write,
    ) -> Result<(), Failure> {
        let mut sources: BTreeMap<String, Tally> = BTreeMap::new();
        let mut number = 0_u64;
        while let Some(line) = rows.next()? {
            number += 1;
            let text = text(line).ok_or_else(|| bad(number, "it is too long or not UTF-8"))?;
            if number == 1 && text.starts_with("label\t") {
                continue;
            }
            let row = Row::read(&text).map_err(|why| bad(number, &why))?;
            if !self.counts(row.source) {
                continue;
            }
            let verdict = judge(classifier, row.agent);
            if self.wrong && !row.label.agrees(verdict.class) {
                tell(&row, &verdict, output).map_err(|error| Failure::output(&error))?;
            }
            sources.entry(row.source.to_owned()).or_default().count(row.label, verdict.class);
        }
        self.print(&sources, output).map_err(|error| Failure::output(&error))
    }

    /// Whether rows of this source count.
    fn counts(&self, source: &str) -> bool {
        let names = |part: &Option<String>| part.as_ref().map(|part| source.contains(part.as_str()));
        names(&self.only).unwrap_or(true) && !names(&self.leave_out).unwrap_or(false)
    }

    fn print(&self, sources: &BTreeMap<String, Tally>, output: &mut impl Write) -> std::io::Result<()> {
        let mut all = Tally::default();
        for tally in sources.values() {
            all.add(tally);
        }
        if self.by_source {
            writeln!(output, "{}", table::sources(sources))?;
        }
        writeln!(output, "{}\n{}", table::labels(&all), table::summary(&all))?;
        output.flush()
    }
}

impl<'line> Row<'line> {
    fn read(line: &'line str) -> Result<Self, String> {
        let mut columns = line.splitn(3, '\t');
        let (Some(label), Some(source), Some(agent)) = (columns.next(), columns.next(), columns.next())
        else {
            return Err("it has fewer than three columns (label, source, agent)".into());
        };
        let known = || Label::ALL.map(Label::as_str).join(", ");
        let label =
            Label::named(label).ok_or_else(|| format!("the label {label:?} is none of {}", known()))?;
        Ok(Self { label, source, agent })
    }
}

fn text(line: Line) -> Option<String> {
    match line {
        Line::Text(text) => String::from_utf8(text).ok(),
        Line::TooLong => None,
    }
}

fn bad(number: u64, why: &str) -> Failure {
    Failure::new(Exit::Data, format!("line {number}: {why}"))
}

fn judge(classifier: &Classifier, agent: &str) -> Verdict {
    Observation::of_agent(agent).judge(classifier)
}

fn tell(row: &Row<'_>, verdict: &Verdict, output: &mut impl Write) -> std::io::Result<()> {
    let (label, class) = (row.label.as_str(), verdict.class.as_str());
    writeln!(output, "{label}\t{class}\t{}\t{}", verdict.reason, row.agent)
}
