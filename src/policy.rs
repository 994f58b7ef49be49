//! Policies: read, checked, compiled.
//!
//! Bytes become a spanned tree ([`read`]), the tree a [`document::Document`] ([`walk`]), the
//! document a [`Policy`] (`compile`). All errors come at once, each with its place; a policy with
//! one error does not load.

mod compile;
pub(crate) mod compiled;
pub mod condition;
pub mod document;
pub mod error;
pub mod keys;
pub mod node;
pub mod read;
pub(crate) mod routes;
#[cfg(feature = "author")]
pub mod schema;
pub mod scope;
pub mod value;
pub mod walk;

pub use compiled::Policy;

use crate::audit::{header, record};
use crate::identity::Issuer;
use document::{Document, Jwks};
use error::{Located, PolicyErrors, Problem, Severity};
use read::Source;
use scope::ScopeSet;

/// A policy with what beside it is needed to enforce it.
#[derive(Debug)]
pub struct Loaded {
    /// The policy.
    pub policy: Policy,
    /// Its issuers, in its order.
    pub issuers: Vec<Issuer>,
    /// Where each issuer's keys come from.
    pub jwks: Vec<Jwks>,
    /// What the author may want to know.
    pub warnings: Vec<Located>,
}

impl Policy {
    /// Loads a policy as a gateway delivers it: JSON text, or the protobuf bytes of a `Struct`.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once, with the places in `file` or in the source the
    /// JSON was compiled from.
    pub fn load(file: &str, bytes: &[u8]) -> Result<Loaded, PolicyErrors> {
        Self::from_source(&read::read(file, bytes)?)
    }

    /// Loads a policy as its author writes it.
    ///
    /// # Errors
    /// As [`Policy::load`].
    #[cfg(feature = "author")]
    pub fn load_yaml(file: &str, text: &str) -> Result<Loaded, PolicyErrors> {
        Self::from_source(&read::read_yaml(file, text)?)
    }

    fn from_source(source: &Source) -> Result<Loaded, PolicyErrors> {
        let (document, mut problems) = walk::walk(source);
        let shaped = problems.iter().all(|problem| problem.severity != Severity::Error);
        match Self::from_document(&document) {
            Ok(loaded) if shaped => {
                let hash = source.digest();
                let name = &loaded.policy.name;
                let in_records = record::policy(name, &hash);
                let in_headers = header::policy(name, &hash);
                let policy = Self { hash, in_records, in_headers, ..loaded.policy };
                problems.extend(loaded.warnings.into_iter().map(|located| located.problem));
                return Ok(Loaded { policy, warnings: source.locate(problems), ..loaded });
            }
            Ok(_) => {}
            // What is said about a value whose shape is wrong already would only repeat it.
            Err(more) => {
                let known: Vec<String> = problems.iter().map(|p| p.pointer.clone()).collect();
                let repeats = |problem: &Problem| {
                    known.iter().any(|at| {
                        problem
                            .pointer
                            .strip_prefix(at.as_str())
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    })
                };
                problems.extend(more.into_iter().filter(|problem| !repeats(problem)));
            }
        }
        problems.retain(|problem| problem.severity == Severity::Error);
        Err(PolicyErrors(source.locate(problems)))
    }

    /// Compiles a document that was made and not read; warnings have no places.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn from_document(document: &Document) -> Result<Loaded, Vec<Problem>> {
        let (policy, issuers, warnings) = compile::compile(document)?;
        let jwks = document.identity.issuers.iter().map(|issuer| issuer.jwks.clone()).collect();
        let warnings = warnings
            .into_iter()
            .map(|problem| Located {
                file: document.name.clone(),
                place: error::Place::default(),
                problem,
            })
            .collect();
        Ok(Loaded { policy, issuers, jwks, warnings })
    }

    /// Resolves scope strings as a token carries them: what does not parse or names nothing means
    /// nothing, but for `no:` strings, of which one that cannot be understood is reported.
    pub fn resolve_scopes<S: AsRef<str>>(&self, strings: &[S]) -> (ScopeSet, bool) {
        scope::resolve(strings.iter().map(AsRef::as_ref), &|name| self.target(name))
    }
}
