//! The shapes of a namespace's keys, and what happened to each.

use std::collections::{BTreeSet, HashMap};

use super::counts::Counts;
use super::histogram::Histogram;
use super::life::Values;
use super::shape::{LONGEST_SHAPE, NAME, shape_of, word_places};
use crate::advice::ChangeHistogram;

/// The shapes beyond go under [`OTHER`].
pub(crate) const MOST_SHAPES: usize = 32;

/// Where more different words are seen at one place, they are names of things.
const MOST_WORDS: usize = 12;

/// The same where there is no room for more shapes.
const MOST_WORDS_WHEN_FULL: usize = 2;

/// Places whose words are names.
const MOST_PLACES: usize = 32;

/// What a shape takes on the heap.
const SHAPE_BYTES: usize =
    2 * Histogram::MOST_BYTES + ChangeHistogram::MOST_BYTES + 2 * LONGEST_SHAPE;

/// What has no place in the table.
pub(crate) const OTHER: &str = "{other}";

/// A table of a bounded number of shapes.
#[derive(Debug)]
pub(crate) struct Shapes {
    shapes: Vec<Shape>,
    numbers: HashMap<String, u16>,
    /// The places, known by the shape before them, where words are names.
    names: BTreeSet<String>,
}

/// A shape, and what happened to its keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) shape: String,
    pub(crate) counts: Counts,
    pub(crate) values: Values,
    /// Milliseconds since analytics began.
    pub(crate) last: u64,
}

/// Where the shapes went: the new number for each old one.
pub(crate) type Moves = Vec<u16>;

impl Shapes {
    /// The most bytes that it takes: each text is there twice, and tables have free places.
    pub(crate) const MOST_BYTES: usize =
        MOST_SHAPES * (2 * size_of::<Shape>() + SHAPE_BYTES) + MOST_PLACES * (LONGEST_SHAPE + 40);

    pub(crate) fn new() -> Self {
        let other = Shape {
            shape: OTHER.to_owned(),
            ..Shape::default()
        };
        Self {
            shapes: vec![other],
            numbers: HashMap::new(),
            names: BTreeSet::new(),
        }
    }

    pub(crate) fn get_mut(&mut self, number: u16) -> Option<&mut Shape> {
        self.shapes.get_mut(usize::from(number))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Shape> {
        self.shapes.iter()
    }

    /// The number of the shape of a key. Others may get new numbers in passing.
    pub(crate) fn number_of(&mut self, key: &str) -> (u16, Option<Moves>) {
        let shape = self.shape_of(key);
        if let Some(number) = self.numbers.get(&shape) {
            return (*number, None);
        }
        let Some(place) = self.crowded_place(&shape) else {
            return (self.insert(shape), None);
        };
        let moves = self.collapse(place);
        let shape = self.shape_of(key);
        let known = self.numbers.get(&shape).copied();
        (known.unwrap_or_else(|| self.insert(shape)), Some(moves))
    }

    fn shape_of(&self, key: &str) -> String {
        shape_of(key, |place| self.names.contains(place))
    }

    fn insert(&mut self, shape: String) -> u16 {
        if self.shapes.len() >= MOST_SHAPES {
            return 0;
        }
        let number = u16::try_from(self.shapes.len()).unwrap_or(0);
        self.numbers.insert(shape.clone(), number);
        self.shapes.push(Shape {
            shape,
            ..Shape::default()
        });
        number
    }

    /// A place of a new shape where there are too many words with it.
    fn crowded_place(&self, shape: &str) -> Option<String> {
        let is_full = self.shapes.len() >= MOST_SHAPES;
        let most = if is_full {
            MOST_WORDS_WHEN_FULL
        } else {
            MOST_WORDS
        };
        if self.names.len() >= MOST_PLACES {
            return None;
        }
        let mut places = word_places(shape);
        let crowded = places.find(|place| self.words_at(place) >= most);
        crowded.map(str::to_owned)
    }

    fn words_at(&self, place: &str) -> usize {
        let words = self
            .shapes
            .iter()
            .filter_map(|shape| word_at(&shape.shape, place));
        words.collect::<BTreeSet<_>>().len()
    }

    /// Makes the words of a place one name, and the shapes that are alike then one shape.
    fn collapse(&mut self, place: String) -> Moves {
        let before = std::mem::take(self);
        self.names = before.names;
        self.shapes.clear();
        let mut moves = Vec::with_capacity(before.shapes.len());
        for mut shape in before.shapes {
            if let Some(word) = word_at(&shape.shape, &place) {
                let rest = &shape.shape[place.len() + word.len()..];
                shape.shape = format!("{place}{NAME}{rest}");
            }
            moves.push(self.merge(shape));
        }
        self.names.insert(place);
        moves
    }

    fn merge(&mut self, shape: Shape) -> u16 {
        if let Some(number) = self.numbers.get(&shape.shape) {
            self.shapes[usize::from(*number)].merge(&shape);
            return *number;
        }
        let number = u16::try_from(self.shapes.len()).unwrap_or(0);
        if shape.shape != OTHER {
            self.numbers.insert(shape.shape.clone(), number);
        }
        self.shapes.push(shape);
        number
    }
}

impl Default for Shapes {
    fn default() -> Self {
        Self::new()
    }
}

impl Shape {
    fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.values.merge(&other.values);
        self.last = self.last.max(other.last);
    }
}

impl Values {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sizes.merge(&other.sizes);
        self.ages.merge(&other.ages);
        self.changes.merge(&other.changes);
    }
}

/// The word of a shape at a place, if there is one.
fn word_at<'s>(shape: &'s str, place: &str) -> Option<&'s str> {
    let place = word_places(shape).find(|found| *found == place)?;
    let rest = &shape[place.len()..];
    let end = rest.find([':', '/', '.']).unwrap_or(rest.len());
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::counts::Counted;

    fn count(shapes: &mut Shapes, key: &str) -> Option<Moves> {
        let (number, moves) = shapes.number_of(key);
        let shape = shapes.get_mut(number).unwrap();
        shape.counts.add(Counted::L2Hit, 1);
        moves
    }

    fn found(shapes: &Shapes) -> Vec<(&str, u64)> {
        let all = shapes
            .iter()
            .map(|shape| (&*shape.shape, shape.counts.l2_hits));
        all.filter(|(_, hits)| *hits > 0).collect()
    }

    fn name(shapes: &Shapes, number: u16) -> &str {
        &shapes.shapes[usize::from(number)].shape
    }

    fn word(number: usize) -> String {
        let letters = [number / 26 % 26, number % 26].map(|at| (b'a' + at as u8) as char);
        letters.into_iter().collect()
    }

    #[test]
    fn names_become_one_shape() {
        let mut shapes = Shapes::new();
        for number in 0..600 {
            count(&mut shapes, &format!("name:{}", word(number)));
            count(&mut shapes, &format!("profile:{number}"));
        }
        assert_eq!(
            found(&shapes),
            [("name:{name}", 600), ("profile:{id}", 600)]
        );
    }

    #[test]
    fn bare_names_and_names_inside_too() {
        let mut shapes = Shapes::new();
        for number in 0..100 {
            count(&mut shapes, &format!("user.{}.cart", word(number)));
        }
        assert_eq!(found(&shapes), [("user.{name}.cart", 100)]);
        let mut shapes = Shapes::new();
        (0..100).for_each(|number| drop(count(&mut shapes, &word(number))));
        assert_eq!(found(&shapes), [("{name}", 100)]);
    }

    #[test]
    fn shapes_that_moved_say_where_to() {
        let mut shapes = Shapes::new();
        let (kept, _) = shapes.number_of("z:1");
        let mut numbers: HashMap<String, u16> = HashMap::new();
        for number in 0..20 {
            let key = format!("n:{}", word(number));
            let (found, moves) = shapes.number_of(&key);
            if let Some(moves) = moves {
                assert_eq!(name(&shapes, moves[usize::from(kept)]), "z:{id}");
                for old in numbers.values_mut() {
                    *old = moves[usize::from(*old)];
                }
            }
            numbers.insert(key, found);
        }
        for number in numbers.values() {
            assert_eq!(name(&shapes, *number), "n:{name}");
        }
    }

    #[test]
    fn there_are_never_too_many() {
        let mut shapes = Shapes::new();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let depth = random.usize(1..9);
            let words = (0..depth).map(|_| word(random.usize(..)));
            let key = words.collect::<Vec<_>>().join(":");
            let (number, _) = shapes.number_of(&key);
            assert!(usize::from(number) < shapes.shapes.len());
            assert!(shapes.shapes.len() <= MOST_SHAPES && shapes.names.len() <= MOST_PLACES);
        }
    }
}
