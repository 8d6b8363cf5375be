//! Two deliveries by the numbers of their records → what one of them holds alone.

use std::cmp::Ordering;

use super::picked::Numbers;
use crate::frame::{Frame, Relation};

/// The rows of a delivery that another one does not hold.
pub(super) struct Alone {
    pub(super) rows: u64,
    /// Their numbers; `None` where they are all rows.
    pub(super) numbers: Option<Relation>,
    /// Their places in each file, where the rows of the files are those that count.
    pub(super) places: Option<Vec<Vec<u32>>>,
}

/// The numbers of the rows of a delivery.
pub(super) struct NumberedRows {
    pub(super) numbers: Vec<i64>,
    /// How many rows each file has, where these are all of them, in their order.
    pub(super) files: Option<Vec<usize>>,
}

impl Alone {
    /// Those of some rows whose number is not among others: all that have no pair, but for such as are there once more.
    pub(super) fn of(rows: &NumberedRows, mut unpaired: Vec<i64>, others: &[i64]) -> Self {
        let mut missing: Numbers = unpaired.iter().copied().collect();
        for other in others {
            missing.remove(other);
        }
        unpaired.retain(|number| missing.contains(number));
        let are_some = unpaired.len() < rows.numbers.len();
        let numbers = are_some.then(|| Frame::of_wholes("number", unpaired.clone()).relation());
        let places = rows.files.as_ref().filter(|_| are_some).map(|files| {
            let mut rest = rows.numbers.as_slice();
            let of_file = |rows: &usize| {
                let (of_file, others) = rest.split_at(*rows);
                rest = others;
                of_file.iter().zip(0..).filter(|(number, _)| missing.contains(*number)).map(|(_, place)| place).collect()
            };
            files.iter().map(of_file).collect()
        });
        Self { rows: unpaired.len() as u64, numbers, places }
    }
}

/// So far the pair of a number may be behind where it is expected, and so many numbers may follow one another that have none: where there are
/// more, the rest is sorted.
const NEAR: usize = 64;

/// The numbers of two deliveries that have no pair in the other one, and a few that were not found to have one. Most records of a delivery
/// are where they were in the one before, so that hardly any is looked for.
pub(super) fn unpaired(numbers: &[i64], others: &[i64]) -> (Vec<i64>, Vec<i64>) {
    let (mut of_numbers, mut of_others) = (Vec::new(), Vec::new());
    let (mut rest, mut other_rest, mut missed) = (numbers, others, 0);
    while let ([number, next @ ..], [other, other_next @ ..]) = (rest, other_rest) {
        if number == other {
            (rest, other_rest, missed) = (next, other_next, 0);
            continue;
        }
        if missed == NEAR {
            break;
        }
        let near = |of: &[i64], number: i64| of.iter().take(NEAR).position(|at| *at == number);
        match (near(other_next, *number), near(next, *other)) {
            (Some(behind), other_behind) if other_behind.is_none_or(|other_behind| behind <= other_behind) => {
                of_others.extend_from_slice(&other_rest[..=behind]);
                other_rest = &other_next[behind..];
            }
            (_, Some(behind)) => {
                of_numbers.extend_from_slice(&rest[..=behind]);
                rest = &next[behind..];
            }
            _ => {
                of_numbers.push(*number);
                of_others.push(*other);
                (rest, other_rest, missed) = (next, other_next, missed + 1);
            }
        }
    }
    // From here on they are in another order, or one is at its end.
    let (rest, other_rest) = (sorted(rest), sorted(other_rest));
    let (mut rest, mut other_rest) = (rest.iter().peekable(), other_rest.iter().peekable());
    while let (Some(number), Some(other)) = (rest.peek(), other_rest.peek()) {
        match number.cmp(other) {
            Ordering::Less => of_numbers.extend(rest.next()),
            Ordering::Greater => of_others.extend(other_rest.next()),
            Ordering::Equal => drop((rest.next(), other_rest.next())),
        }
    }
    of_numbers.extend(rest);
    of_others.extend(other_rest);
    (of_numbers, of_others)
}

fn sorted(numbers: &[i64]) -> Vec<i64> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alone(numbers: &[i64], others: &[i64]) -> (u64, Option<Vec<i64>>) {
        // As in two files, the first of which has a third of the rows.
        let files = [numbers.len() / 3, numbers.len() - numbers.len() / 3];
        let rows = NumberedRows { numbers: numbers.to_vec(), files: Some(files.to_vec()) };
        let alone = Alone::of(&rows, unpaired(numbers, others).0, others);
        if let Some(places) = &alone.places {
            let of_file = |(places, rows): (&Vec<u32>, &[i64])| places.iter().map(|at| rows[*at as usize]).collect::<Vec<_>>();
            let (first, second) = numbers.split_at(files[0]);
            let there = [of_file((&places[0], first)), of_file((&places[1], second))].concat();
            let is_alone = |number: &&i64| !others.contains(number);
            assert_eq!(there, numbers.iter().filter(is_alone).copied().collect::<Vec<_>>());
        }
        assert_eq!(alone.places.is_some(), alone.numbers.is_some());
        let numbers = alone.numbers.map(|numbers| match numbers {
            Relation::Rows(rows) => sorted(&rows.wholes("number").collect::<Vec<_>>()),
            Relation::Files { .. } => panic!("in memory"),
        });
        (alone.rows, numbers)
    }

    /// A number that a delivery holds twice is two rows, whether the other holds it once, twice or not at all.
    #[test]
    fn rows_alone_are_those_whose_number_the_other_does_not_hold() {
        assert_eq!(alone(&[-5, 1, 1, 2, 2, 9], &[-7, 1, 2, 2, 3, 8]), (2, Some(vec![-5, 9])));
        assert_eq!(alone(&[1, 2, 2, 2, 3], &[1, 3, 3]), (3, Some(vec![2, 2, 2])));
        assert_eq!(alone(&[i64::MIN, 4, i64::MAX], &[4]), (2, Some(vec![i64::MIN, i64::MAX])));
        assert_eq!(alone(&[1, 2], &[1, 2]), (0, Some(Vec::new())));
        assert_eq!(alone(&[], &[1]), (0, None));
        assert_eq!(alone(&[3, 3, 4], &[]), (3, None));
        assert_eq!(alone(&[3, 5], &[4, 6]), (2, None));
    }

    proptest! {
        /// Deliveries of which one has records in the place of others, lacks some, has new ones in between, or all in another order.
        #[test]
        fn rows_alone_are_told_wherever_they_stand(
            numbers in prop::collection::vec(0_i64..300, 0..300),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, 0_i64..400), 0..80),
            is_turned in any::<bool>(),
        ) {
            let mut others = numbers.clone();
            for (at, kind, number) in changes {
                let at = at.index(others.len() + 1);
                match kind {
                    0 if at < others.len() => others[at] = number,
                    1 if at < others.len() => drop(others.remove(at)),
                    2 => others.insert(at, number),
                    _ => drop(others.splice(at..at, (0..number / 4).map(|n| n + 1000))),
                }
            }
            if is_turned {
                others.reverse();
            }
            for (some, all) in [(&numbers, &others), (&others, &numbers)] {
                let expected: Vec<i64> = sorted(some).iter().copied().filter(|number| !all.contains(number)).collect();
                let told = (expected.len() < some.len()).then(|| expected.clone());
                prop_assert_eq!(alone(some, all), (expected.len() as u64, told));
            }
            let (of_numbers, of_others) = unpaired(&numbers, &others);
            prop_assert_eq!(numbers.len() - of_numbers.len(), others.len() - of_others.len());
        }
    }

    /// Records that are where they were are not looked for, whatever came or went before them.
    #[test]
    fn numbers_in_one_order_have_their_pairs() {
        let numbers: Vec<i64> = (0..1000).collect();
        let others: Vec<i64> =
            (0..1000).filter(|n| n % 90 != 7).flat_map(|n| if n % 200 == 9 { vec![n, -n, -n - 1] } else { vec![n] }).collect();
        let (of_numbers, of_others) = unpaired(&numbers, &others);
        assert_eq!(of_numbers, (0..1000).filter(|n| n % 90 == 7).collect::<Vec<_>>());
        assert_eq!(of_others, [9, 209, 409, 609, 809].map(|n| [-n, -n - 1]).concat());
        // Many that are new in between, or another order: none is lost, or counted twice.
        let others: Vec<i64> = (0..500).chain(2000..2300).chain(500..1000).collect();
        assert_eq!(
            (alone(&numbers, &others), alone(&others, &numbers)),
            ((0, Some(Vec::new())), (300, Some((2000..2300).collect())))
        );
        assert_eq!(unpaired(&numbers, &others).0.len(), NEAR);
        let (of_numbers, of_others) = unpaired(&numbers, &numbers.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!((of_numbers.len(), of_others.len()), (2 * NEAR, 2 * NEAR));
    }
}
