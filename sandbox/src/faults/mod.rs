//! Misbehaviour on demand: rules that are posted to the control interface and what they do to a request.

mod perform;
mod raw;
mod rule;

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

pub(crate) use perform::{Outcome, perform};
pub(crate) use raw::{truncated, whole};
pub(crate) use rule::{Rule, RuleError, RuleText};

/// How many rules can stand at once, spent ones included. A test needs a handful.
pub(crate) const MAX_RULES: usize = 1_000;

/// The rules that stand, oldest first.
#[derive(Default)]
pub(crate) struct FaultBook {
    standing: Vec<Standing>,
    last_id: u64,
}

struct Standing {
    id: u64,
    rule: Arc<Rule>,
    text: RuleText,
    hits: u64,
    /// Told to let go what hangs; dropped with the rule, which lets go too.
    release: watch::Sender<()>,
}

/// A rule that a request has met.
pub(crate) struct Met {
    pub(crate) id: u64,
    pub(crate) rule: Arc<Rule>,
    /// Changes, or closes, when a hanging request may go on.
    pub(crate) released: watch::Receiver<()>,
}

/// A rule as `GET /_control/faults` lists it.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    id: u64,
    hits: u64,
    #[serde(flatten)]
    text: RuleText,
}

impl FaultBook {
    /// Adds a rule and gives its id; `None` if there are [`MAX_RULES`] already.
    pub(crate) fn add(&mut self, rule: Rule, text: RuleText) -> Option<u64> {
        if self.standing.len() >= MAX_RULES {
            return None;
        }
        self.last_id += 1;
        self.standing.push(Standing {
            id: self.last_id,
            rule: Arc::new(rule),
            text,
            hits: 0,
            release: watch::Sender::new(()),
        });
        Some(self.last_id)
    }

    /// The oldest rule that is not spent and concerns this request, which counts as one of its hits.
    pub(crate) fn meet(&mut self, path: &str, subject: Option<&str>) -> Option<Met> {
        let standing = self
            .standing
            .iter_mut()
            .find(|standing| standing.rule.reach.holds(path, subject, standing.hits))?;
        standing.hits += 1;
        Some(Met {
            id: standing.id,
            rule: Arc::clone(&standing.rule),
            released: standing.release.subscribe(),
        })
    }

    pub(crate) fn list(&self) -> Vec<Listed> {
        self.standing
            .iter()
            .map(|standing| Listed { id: standing.id, hits: standing.hits, text: standing.text.clone() })
            .collect()
    }

    /// Removes one rule; false if there is none of this id.
    #[must_use]
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.standing.len();
        self.standing.retain(|standing| standing.id != id);
        self.standing.len() < before
    }

    /// Removes every rule. Ids go on counting, so that an old one never means a new rule.
    pub(crate) fn clear(&mut self) {
        self.standing.clear();
    }

    /// Lets go every request that has met a rule, and leaves the rules standing.
    pub(crate) fn release(&self) {
        for standing in &self.standing {
            standing.release.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(rules: &[&str]) -> FaultBook {
        let mut book = FaultBook::default();
        for json in rules {
            let text: RuleText = serde_json::from_str(json).unwrap();
            book.add(Rule::try_from(&text).unwrap(), text).unwrap();
        }
        book
    }

    fn meets(book: &mut FaultBook, path: &str, subject: Option<&str>) -> Option<u64> {
        book.meet(path, subject).map(|met| met.id)
    }

    #[test]
    fn rules_are_met_in_the_order_they_came_and_as_often_as_they_say() {
        let mut book = book(&[r#"{"status":503,"times":2}"#, r#"{"status":429,"times":1}"#]);
        let met: Vec<_> = (0..4).map(|_| meets(&mut book, "/v1/x", None)).collect();
        assert_eq!(met, [Some(1), Some(1), Some(2), None]);
    }

    #[test]
    fn a_rule_for_a_path_or_a_subject_spares_all_others() {
        let mut book = book(&[r#"{"status":503,"path":"/v1/jwt/login","subject":"1"}"#]);
        assert_eq!(meets(&mut book, "/v1/jwt/login", Some("2")), None);
        assert_eq!(meets(&mut book, "/v1/jwt/login", None), None);
        assert_eq!(meets(&mut book, "/v1/people/me", Some("1")), None);
        assert_eq!(meets(&mut book, "/v1/jwt/login", Some("1")), Some(1));
    }

    #[test]
    fn removed_rules_let_go_and_ids_are_not_used_again() {
        let mut book = book(&[r#"{"hang":true}"#]);
        let met = book.meet("/", None).unwrap();
        assert!(book.remove(1));
        assert!(!book.remove(1));
        assert!(met.released.has_changed().is_err());
        let text: RuleText = serde_json::from_str(r#"{"hang":true}"#).unwrap();
        assert_eq!(book.add(Rule::try_from(&text).unwrap(), text), Some(2));
    }

    #[test]
    fn the_number_of_rules_is_bounded() {
        let mut book = book(&[r#"{"hang":true}"#; MAX_RULES]);
        let text: RuleText = serde_json::from_str(r#"{"hang":true}"#).unwrap();
        assert_eq!(book.add(Rule::try_from(&text).unwrap(), text), None);
    }
}
