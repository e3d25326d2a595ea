//! Which heads are served, under which names and versions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use registry_schema::reference::FeatureSpace;

use super::drift::Drift;
use super::engine::Engine;
use super::error::RequestError;
use super::{Offer, ServeError};
use crate::head::{Head, HeadError};

/// A head that is served.
pub(super) struct Served {
    pub(super) version: u32,
    pub(super) head: Head,
    pub(super) space: FeatureSpace,
    pub(super) engine: Arc<Engine>,
    pub(super) drift: Mutex<Drift>,
}

/// The heads that are served.
#[derive(Default)]
pub(super) struct Catalogue {
    heads: BTreeMap<(String, u32), Arc<Served>>,
}

impl Catalogue {
    pub(super) fn new(served: Vec<Arc<Served>>) -> Result<Self, ServeError> {
        let mut heads = BTreeMap::new();
        for one in served {
            let name = one.head.name().to_string();
            let place = (name.clone(), one.version);
            if heads.insert(place, one).is_some() {
                return Err(ServeError::Twice { name });
            }
        }
        Ok(Self { heads })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// All heads by name and version.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.heads.values()
    }

    /// A head for the next catalogue: the one that is served already, with what it has counted, where it is
    /// the same.
    pub(super) fn served(
        &self,
        offer: Offer,
        engine: Arc<Engine>,
    ) -> Result<Arc<Served>, HeadError> {
        let Offer { version, head, .. } = offer;
        if let Some(same) = self.heads.get(&(head.name().to_string(), version))
            && same.head == head
            && Arc::ptr_eq(&same.engine, &engine)
        {
            return Ok(same.clone());
        }
        let space = engine.space();
        // Refuses another feature space, or vectors too short for the head.
        head.predict(
            ndarray::Array2::zeros((0, engine.dimension())).view(),
            &space,
        )?;
        let drift = Mutex::new(Drift::of(&head));
        Ok(Arc::new(Served {
            version,
            head,
            space,
            engine,
            drift,
        }))
    }

    /// The newest version of a name, or the one that is asked for.
    pub(super) fn find(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Arc<Served>, RequestError> {
        let versions = self.versions(name);
        let newest = versions.last().ok_or_else(|| RequestError::NoSuchHead {
            name: name.to_owned(),
        })?;
        let Some(version) = version else {
            return Ok((*newest).clone());
        };
        let mut versions = versions.iter();
        let found = versions.find(|one| one.version.to_string() == version);
        found.map_or_else(
            || {
                Err(RequestError::NoSuchVersion {
                    name: name.to_owned(),
                    version: version.to_owned(),
                })
            },
            |found| Ok((*found).clone()),
        )
    }

    /// The versions of a name, ascending.
    pub(super) fn versions(&self, name: &str) -> Vec<&Arc<Served>> {
        let range = (name.to_owned(), 0)..=(name.to_owned(), u32::MAX);
        self.heads.range(range).map(|(_, one)| one).collect()
    }

    /// Each extractor once.
    pub(super) fn engines(&self) -> Vec<Arc<Engine>> {
        let mut engines: Vec<Arc<Engine>> = Vec::new();
        for one in self.heads.values() {
            if !engines.iter().any(|known| Arc::ptr_eq(known, &one.engine)) {
                engines.push(one.engine.clone());
            }
        }
        engines
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.is_empty() && self.heads.values().all(|one| one.engine.is_ready())
    }

    /// Ends the extractors, once they have done what waits.
    pub(super) fn close(&self) {
        for served in self.heads.values() {
            served.engine.close();
        }
    }
}
