//! Who gets no more mail.

use vigie::model::{Name, RecipientId, SendId, SendState, SuppressScope};
use vigie::store::{Cancelled, Suppressed};

use super::Reference;

impl Reference {
    /// Whether this person gets no mail of this brand.
    pub(super) fn stops(&self, who: RecipientId, brand: &Name) -> bool {
        self.suppressions.iter().any(|(person, scope)| *person == who && scope.covers(brand))
    }

    /// Whether this send must not go.
    pub(super) fn stopped(&self, id: SendId) -> bool {
        let letter = self.letters.iter().find(|letter| letter.spec.id == id);
        letter.is_some_and(|letter| self.stops(letter.spec.recipient, &letter.spec.brand))
    }

    /// The scopes in which this person gets no mail.
    pub(in crate::store::model) fn scopes(&self, who: RecipientId) -> Vec<SuppressScope> {
        self.suppressions
            .iter()
            .filter(|(person, _)| *person == who)
            .map(|(_, scope)| scope.clone())
            .collect()
    }

    pub(in crate::store::model) fn suppress(&mut self, who: RecipientId, scope: SuppressScope) -> Suppressed {
        let with_cases = self.leave_all(who, &scope);
        let live = self.letters.iter().filter(|letter| !letter.state.is_final() && letter.is_for(who));
        let ids: Vec<_> =
            live.filter(|letter| scope.covers(&letter.spec.brand)).map(|letter| letter.spec.id).collect();
        let mut suppressed = Suppressed { handed_off: with_cases, ..Suppressed::default() };
        for id in ids {
            if self.cancel(id) == Cancelled::Done {
                self.letter(id).expect("a known send").state = SendState::HandedOff;
                suppressed.handed_off += 1;
            } else {
                suppressed.in_hand_over += 1;
            }
        }
        suppressed.new = self.suppressions.insert((who, scope));
        suppressed
    }

    pub(in crate::store::model) fn unsuppress(&mut self, who: RecipientId, scope: SuppressScope) -> bool {
        self.suppressions.remove(&(who, scope))
    }
}
