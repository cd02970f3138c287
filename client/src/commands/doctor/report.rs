//! What was found, told line by line, and the exit code.

use guestissuer_client::proto::response::{Check, Verdict};
use guestissuer_client::proto::{Failure, FailureCode};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::output::{Flow, Output, Paint, json, print};

/// Room for a verdict, and for a topic, with a gap behind it.
const VERDICT: usize = 9;
const TOPIC: usize = 15;

/// Why a visit ends early.
pub(super) enum End {
    /// The reader has gone away.
    Enough,
    /// The report cannot be written.
    Failed(Failure),
}

/// One thing that was looked at, and what it means for the exit code if it is wrong.
pub(super) struct Finding {
    pub(super) check: Check,
    code: FailureCode,
}

impl Finding {
    pub(super) fn ok(topic: &str, finding: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Ok, finding.into(), None, FailureCode::Internal)
    }

    pub(super) fn warning(topic: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(topic, Verdict::Warning, finding.into(), Some(remedy.into()), FailureCode::Internal)
    }

    pub(super) fn wrong(
        topic: &str,
        code: FailureCode,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(topic, Verdict::Wrong, finding.into(), Some(remedy.into()), code)
    }

    /// What the daemon found; which code it stands for follows from the topic.
    pub(super) fn of_the_daemon(check: Check) -> Self {
        let code = match check.topic.as_str() {
            "network" => FailureCode::Unavailable,
            "protection" => FailureCode::Locked,
            _ => FailureCode::Internal,
        };
        Self { check, code }
    }

    fn new(
        topic: &str,
        verdict: Verdict,
        finding: String,
        remedy: Option<String>,
        code: FailureCode,
    ) -> Self {
        Self { check: Check { topic: topic.to_owned(), verdict, finding, remedy }, code }
    }
}

/// What was found so far.
pub(super) struct Report<'a> {
    output: &'a Output,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    pub(super) const fn new(output: &'a Output) -> Self {
        Self { output, findings: Vec::new() }
    }

    /// Takes a finding, and tells it at once to whoever reads text.
    pub(super) fn add(&mut self, finding: Finding) -> Result<(), End> {
        let flow = match self.output.format {
            Format::Json => Ok(Flow::GoOn),
            Format::Text | Format::Env | Format::Header | Format::Curl => {
                print(&told(&finding.check, self.output))
            }
        };
        self.findings.push(finding);
        match flow {
            Ok(Flow::GoOn) => Ok(()),
            Ok(Flow::Enough) => Err(End::Enough),
            Err(failure) => Err(End::Failed(failure)),
        }
    }

    /// Whether something is wrong already that this code stands for.
    pub(super) fn knows(&self, code: FailureCode) -> bool {
        self.wrong().any(|finding| finding.code == code)
    }

    /// Whether something is wrong already with this topic.
    pub(super) fn is_wrong(&self, topic: &str) -> bool {
        self.wrong().any(|finding| finding.check.topic == topic)
    }

    /// Ends the report: a success if nothing is wrong.
    pub(super) fn finish(self) -> Result<(), Failure> {
        if self.output.format == Format::Json && print(&json::line(&self.as_json()))? == Flow::Enough {
            return Ok(());
        }
        let count = |verdict| self.findings.iter().filter(|finding| finding.check.verdict == verdict).count();
        let warnings = match count(Verdict::Warning) {
            0 => None,
            1 => Some("1 warning".to_owned()),
            warnings => Some(format!("{warnings} warnings")),
        };
        let specific = self.wrong().find(|finding| finding.code != FailureCode::Internal);
        let Some(worst) = specific.or(self.wrong().next()) else {
            let warned = warnings.map_or(String::new(), |warnings| format!(", {warnings}"));
            self.output.message(&format!("nothing is wrong{warned}"));
            return Ok(());
        };
        let wrong = match count(Verdict::Wrong) {
            1 => "1 thing is wrong".to_owned(),
            wrong => format!("{wrong} things are wrong"),
        };
        let warned = warnings.map_or(String::new(), |warnings| format!(", {warnings}"));
        Err(Failure::new(worst.code, format!("{wrong}{warned}")))
    }

    fn wrong(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.check.verdict == Verdict::Wrong)
    }

    fn as_json(&self) -> Value {
        let worst = self.findings.iter().map(|finding| finding.check.verdict).max().unwrap_or(Verdict::Ok);
        let checks: Vec<_> = self
            .findings
            .iter()
            .map(|Finding { check, .. }| {
                json!({
                    "topic": check.topic,
                    "verdict": check.verdict.as_str(),
                    "finding": check.finding,
                    "remedy": check.remedy,
                })
            })
            .collect();
        json!({ "checks": checks, "verdict": worst.as_str() })
    }
}

/// A finding as lines of text: verdict, topic, finding, and below it what to do.
fn told(check: &Check, output: &Output) -> String {
    let (word, paint) = match check.verdict {
        Verdict::Ok => ("ok", Paint::Good),
        Verdict::Warning => ("warning", Paint::Notable),
        Verdict::Wrong => ("wrong", Paint::Bad),
    };
    let gap = " ".repeat(VERDICT.saturating_sub(word.len()));
    let word = output.paint(paint, word);
    let line = format!(
        "{word}{gap}{topic:<TOPIC$}{finding}\n",
        topic = check.topic,
        finding = plain(&check.finding)
    );
    let remedy = check.remedy.as_deref().map(|remedy| format!("{:VERDICT$}hint: {}\n", "", plain(remedy)));
    line + &remedy.unwrap_or_default()
}

/// A path or a variable may hold anything; a terminal must not obey it.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
