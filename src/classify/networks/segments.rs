//! All addresses cut into segments, each with one mark: a flat picture of prefixes that lie within one another.
//!
//! The cutting is done once, so that a lookup is a binary search in an array of numbers and nothing else. Marks stand
//! in an array of their own: the search touches only starts, and those stay in the core's cache.

use super::range::Range;

/// The mark of addresses that no prefix holds.
pub(super) const UNMARKED: u16 = 0;

/// Segments in order; each reaches to the start of the next, and the first starts at zero.
#[derive(Debug)]
pub(super) struct Segments<A> {
    starts: Box<[A]>,
    marks: Box<[u16]>,
}

impl<A: Ord + Copy + TryFrom<u128>> Segments<A> {
    /// Cuts the addresses at the borders of these prefixes of one family. The longest prefix marks; of one prefix,
    /// the one given last.
    pub(super) fn of(mut prefixes: Vec<(Range, u16)>) -> Self {
        // Outer before inner. The sort is stable: of one prefix, the one given last stays last and is cut over others.
        prefixes.sort_by_key(|(range, _)| (range.first, !range.last));
        let mut cuts = Cuts(vec![(0, UNMARKED)]);
        let mut open: Vec<(u128, u16)> = Vec::new();
        for (range, mark) in prefixes {
            cuts.close(&mut open, range.first);
            cuts.cut(range.first, mark);
            open.push((range.last, mark));
        }
        cuts.close(&mut open, u128::MAX);
        // A cut above the family's last address is where its last prefix ends: nothing is there to be marked.
        let (starts, marks): (Vec<A>, Vec<u16>) = cuts.0.into_iter().filter_map(within::<A>).unzip();
        Self { starts: starts.into(), marks: marks.into() }
    }

    /// The mark of this address.
    pub(super) fn mark(&self, address: A) -> u16 {
        let above = self.starts.partition_point(|start| *start <= address);
        self.marks[above - 1]
    }
}

fn within<A: TryFrom<u128>>((start, mark): (u128, u16)) -> Option<(A, u16)> {
    Some((A::try_from(start).ok()?, mark))
}

/// Where segments start, and their marks.
struct Cuts(Vec<(u128, u16)>);

impl Cuts {
    /// Ends the open prefixes whose last address lies before `next`; what is around them goes on.
    fn close(&mut self, open: &mut Vec<(u128, u16)>, next: u128) {
        while let Some((last, _)) = open.pop_if(|(last, _)| *last < next) {
            let around = open.last().map_or(UNMARKED, |(_, mark)| *mark);
            self.cut(last + 1, around);
        }
    }

    /// Starts a segment; one that started at the same address is empty, one like its neighbour is none.
    fn cut(&mut self, start: u128, mark: u16) {
        self.0.pop_if(|(before, _)| *before == start);
        if self.0.last().is_none_or(|(_, before)| *before != mark) {
            self.0.push((start, mark));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Prefixes in a small corner of the addresses, so that they meet, and at both ends of the family.
    fn prefixes() -> impl Strategy<Value = Vec<(Range, u16)>> {
        let prefix =
            (any::<u8>(), any::<bool>(), 0_u32..=32, 1_u16..5).prop_map(|(near, high, length, mark)| {
                let address = if high { u32::MAX - u32::from(near) } else { u32::from(near) };
                let host = u32::MAX.checked_shr(length).unwrap_or(0);
                let range =
                    Range { v4: true, first: (address & !host).into(), last: (address | host).into() };
                (range, mark)
            });
        proptest::collection::vec(prefix, 0..40)
    }

    /// What a search through all prefixes finds.
    fn longest(prefixes: &[(Range, u16)], address: u32) -> u16 {
        let holds = |(range, _): &&(Range, u16)| (range.first..=range.last).contains(&address.into());
        let found = prefixes.iter().filter(holds);
        found.min_by_key(|(range, _)| range.last - range.first).map_or(UNMARKED, |(range, _)| {
            let same = prefixes.iter().rev().find(|(other, _)| other == range);
            same.expect("it was found a line ago").1
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_through_all_prefixes(prefixes in prefixes(), more in any::<u32>()) {
            let segments = Segments::<u32>::of(prefixes.clone());
            let borders = prefixes.iter().flat_map(|(range, _)| [range.first, range.last]);
            let borders = borders.map(|border| u32::try_from(border).expect("made from 32 bits"));
            let beside = borders.flat_map(|border| [border.wrapping_sub(1), border, border.wrapping_add(1)]);
            for address in beside.chain([0, u32::MAX, more]) {
                prop_assert_eq!(segments.mark(address), longest(&prefixes, address), "{}", address);
            }
            prop_assert!(segments.starts.len() <= 2 * prefixes.len() + 1);
        }
    }

    #[test]
    fn the_last_address_of_all_is_in_the_last_segment() {
        let all = Range { v4: false, first: 0, last: u128::MAX };
        let one = Range { v4: false, first: u128::MAX, last: u128::MAX };
        let segments = Segments::<u128>::of(vec![(one, 2), (all, 1)]);
        assert_eq!([0, u128::MAX - 1, u128::MAX].map(|address| segments.mark(address)), [1, 1, 2]);
    }
}
