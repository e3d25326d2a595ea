//! What is remembered of the last pictures, by the digest of their bytes.

use std::collections::{BTreeMap, VecDeque};

use registry_schema::digest::Digest;

/// A bounded number of values; the oldest are forgotten.
pub(super) struct Remembered<V> {
    most: usize,
    values: BTreeMap<Digest, V>,
    order: VecDeque<Digest>,
}

impl<V> Remembered<V> {
    pub(super) fn new(most: usize) -> Self {
        let (values, order) = (BTreeMap::new(), VecDeque::new());
        Self {
            most,
            values,
            order,
        }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<&V> {
        self.values.get(digest)
    }

    pub(super) fn insert(&mut self, digest: Digest, value: V) {
        if self.values.insert(digest, value).is_none() {
            self.order.push_back(digest);
        }
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        if self.values.remove(digest).is_some() {
            self.order.retain(|one| one != digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let digest = |number: u8| Digest::of(&[number]);
        let mut remembered = Remembered::new(2);
        for number in [1, 2, 1, 3] {
            remembered.insert(digest(number), number);
        }
        let known = |remembered: &Remembered<u8>| {
            [1, 2, 3].map(|number| remembered.get(&digest(number)).copied())
        };
        assert_eq!(known(&remembered), [None, Some(2), Some(3)]);
        remembered.remove(&digest(2));
        remembered.remove(&digest(2));
        remembered.insert(digest(1), 1);
        assert_eq!(known(&remembered), [Some(1), None, Some(3)]);
    }
}
