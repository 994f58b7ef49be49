//! Cedar: a static policy a rule, scoped by action and by the resource's type, as its documentation
//! advises; and the same with a policy set for each type, chosen by the application ("policy
//! slicing"), which is also what partial evaluation for a known action and type would leave.

use super::said;
use ambit_engines::{Engine, Question};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression,
};
use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

/// One set with every policy in it.
pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
}

/// A set for each type.
pub(crate) struct CedarByType {
    authorizer: Authorizer,
    policies: HashMap<u32, PolicySet>,
    none: PolicySet,
}

/// What Cedar is asked: the request, and the two entities it speaks of.
pub(crate) struct Asked {
    kind: u32,
    request: Option<Request>,
    entities: Entities,
}

fn rule(kind: u32) -> String {
    format!(
        "permit (principal, action == Action::\"read\", resource is {}) \
         when {{ resource.tenant == principal.tenant }};\n",
        Question::type_name(kind)
    )
}

impl Cedar {
    pub(crate) fn load(rules: u32) -> Result<Self, String> {
        let text: String = (0..rules).map(rule).collect();
        let policies = PolicySet::from_str(&text).map_err(said)?;
        Ok(Self { authorizer: Authorizer::new(), policies })
    }
}

impl CedarByType {
    pub(crate) fn load(rules: u32) -> Result<Self, String> {
        let set = |kind| Ok((kind, PolicySet::from_str(&rule(kind)).map_err(said)?));
        let policies = (0..rules).map(set).collect::<Result<_, String>>()?;
        Ok(Self { authorizer: Authorizer::new(), policies, none: PolicySet::new() })
    }
}

fn asked(question: &Question) -> Asked {
    let uid = |kind: &str, id: &str| {
        let kind = EntityTypeName::from_str(kind).ok()?;
        Some(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
    };
    let made = || {
        let principal = uid("User", &question.subject)?;
        let resource = uid(&Question::type_name(question.kind), &question.id)?;
        let of = |uid: &EntityUid, tenant: &str| {
            let tenant = RestrictedExpression::new_string(tenant.to_owned());
            let attributes = HashMap::from([("tenant".to_owned(), tenant)]);
            Entity::new(uid.clone(), attributes, HashSet::new()).ok()
        };
        let entities = [of(&principal, &question.tenant)?, of(&resource, &question.owner)?];
        let entities = Entities::from_entities(entities, None).ok()?;
        let action = uid("Action", &question.action)?;
        let request = Request::new(principal, action, resource, Context::empty(), None).ok()?;
        Some((request, entities))
    };
    match made() {
        Some((request, entities)) => {
            Asked { kind: question.kind, request: Some(request), entities }
        }
        None => Asked { kind: question.kind, request: None, entities: Entities::empty() },
    }
}

fn allows(authorizer: &Authorizer, policies: &PolicySet, asked: &Asked) -> bool {
    asked.request.as_ref().is_some_and(|request| {
        authorizer.is_authorized(request, policies, &asked.entities).decision() == Decision::Allow
    })
}

impl Engine for Cedar {
    type Input = Asked;

    fn prepare(&self, question: &Question) -> Asked {
        asked(question)
    }

    fn decide(&self, input: &Asked) -> bool {
        allows(&self.authorizer, &self.policies, input)
    }
}

impl Engine for CedarByType {
    type Input = Asked;

    fn prepare(&self, question: &Question) -> Asked {
        asked(question)
    }

    fn decide(&self, input: &Asked) -> bool {
        let policies = self.policies.get(&input.kind).unwrap_or(&self.none);
        allows(&self.authorizer, policies, input)
    }
}
