//! What somebody may have meant who named a guest that is not known.

use guestissuer_proto::{Failure, Subject};

use super::Broker;
use crate::domain::guest::GuestKey;
use crate::store::guests as guest_rows;

/// How many guests whose subjects begin alike are compared, and how many others. With more guests than that a
/// suggestion may be missed, but nobody waits for it.
const ALIKE: usize = 5_000;
const OTHERS: usize = 1_000;

/// Among how many guests one of this display name is looked for.
const NAMES: usize = 10_000;

/// What was found in place of the guest.
enum Found {
    /// Another issuer has a guest of this subject.
    ElsewhereAt(guestissuer_proto::IssuerName),
    /// A guest is called like this.
    Called(Subject),
    /// A subject that differs little.
    Near(Subject),
}

impl Broker {
    /// The failure for a guest that is not known, with what may have been meant.
    pub(super) async fn with_suggestion(&self, failure: Failure, key: &GuestKey) -> Failure {
        // A suggestion is no reason to fail with something else.
        let Ok(Some(found)) = self.search(key).await else { return failure };
        let suggestion = match found {
            Found::ElsewhereAt(issuer) => {
                format!("did you mean the one of --issuer {issuer}")
            }
            Found::Called(subject) => format!("did you mean {subject}, whose name this is"),
            Found::Near(subject) => format!("did you mean {subject}"),
        };
        let register = failure.hint.clone().unwrap_or_default();
        failure.with_hint(format!("{suggestion}? Or {register}"))
    }

    async fn search(&self, key: &GuestKey) -> Result<Option<Found>, Failure> {
        for other in self.registry.all() {
            let elsewhere = GuestKey { issuer: other.issuer.id, subject: key.subject.clone() };
            if self.read(move |rows| guest_rows::find(rows, &elsewhere)).await?.is_some() {
                return Ok(Some(Found::ElsewhereAt(other.issuer.name.clone())));
            }
        }
        let wanted = key.clone();
        let called =
            self.read(move |rows| guest_rows::called(rows, wanted.issuer, wanted.subject.as_str(), NAMES));
        if let Some(subject) = called.await? {
            return Ok(Some(Found::Called(subject)));
        }
        let wanted = key.clone();
        // Compared where it is read: everyone else is answered in the thread that this began in.
        let near = self.read(move |rows| {
            let most = most(wanted.subject.as_str());
            let candidates = guest_rows::similar(rows, &wanted, most, ALIKE, OTHERS)?;
            Ok(nearest(wanted.subject.as_str(), candidates.into_iter(), Subject::as_str))
        });
        Ok(near.await?.map(Found::Near))
    }
}

/// In how many characters a name may differ and still be meant.
fn most(typed: &str) -> usize {
    (typed.chars().count() / 3).clamp(1, 3)
}

/// The candidate that differs least from what was typed, if it differs little.
pub(super) fn nearest<T>(
    typed: &str,
    candidates: impl Iterator<Item = T>,
    text: fn(&T) -> &str,
) -> Option<T> {
    let typed = typed.to_lowercase();
    let most = most(&typed);
    let distance = |candidate: &T| strsim::osa_distance(&typed, &text(candidate).to_lowercase());
    let measured = candidates.map(|candidate| (distance(&candidate), candidate));
    let near = measured.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance);
    near.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let near = |typed| nearest(typed, ["kiosk-1", "kiosk-12", "bot", "Ann"].into_iter(), |text| text);
        assert_eq!(near("kiosk-13"), Some("kiosk-1"));
        assert_eq!(near("kisok-12"), Some("kiosk-12"));
        assert_eq!(near("ANN"), Some("Ann"));
        assert_eq!(near("tob"), None);
        assert_eq!(near("something else"), None);
    }
}
