//! The only file that touches the `cel` crate: its parser, whose tree becomes a small one of ours.
//!
//! The parser is hidden from the crate's documentation, so the crate is pinned exactly.

use super::ConditionError;
use cel::common::ast::{ComprehensionExpr, Expr, LiteralValue, operators};
use cel::parser::PrattParser;

/// Nesting of the tree. Evaluation recurses as deep, on a stack of 1 MiB in a gateway.
const MAX_DEPTH: u16 = 32;
/// Nodes of the tree.
const MAX_NODES: usize = 1000;

/// A condition as written, names not yet resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    And(Box<Self>, Box<Self>),
    Bool(bool),
    Compare(Comparison, Box<Self>, Box<Self>),
    Double(f64),
    Has(Box<Self>, String),
    In(Box<Self>, Box<Self>),
    Index(Box<Self>, Box<Self>),
    Int(i64),
    List(Vec<Self>),
    /// `receiver.name(argument)` on text.
    Method(Box<Self>, String, Box<Self>),
    Name(String),
    Not(Box<Self>),
    Null,
    Or(Box<Self>, Box<Self>),
    Quantified {
        every: bool,
        list: Box<Self>,
        variable: String,
        body: Box<Self>,
    },
    Select(Box<Self>, String),
    String(String),
    Timestamp(Box<Self>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

/// Parses CEL text into the part of CEL that conditions may use.
pub(super) fn parse(text: &str) -> Result<Tree, ConditionError> {
    let parsed = PrattParser::new()
        .max_recursion_depth(MAX_DEPTH.saturating_mul(4))
        .max_expression_node_count(MAX_NODES)
        .error_recovery_limit(1)
        .error_reporting_limit(1)
        .parse(text)
        .map_err(|errors| {
            let first = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
            ConditionError::new(
                format!("`{text}` is not CEL: {}", first.trim().to_ascii_lowercase()),
                "a condition such as `resource.owner == subject.id`",
            )
        })?;
    convert(&parsed.expr, MAX_DEPTH)
}

fn convert(expr: &Expr, depth: u16) -> Result<Tree, ConditionError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(ConditionError::new(
            "the condition is nested too deep",
            format!("at most {MAX_DEPTH} levels"),
        ));
    };
    let inner = |expr: &Expr| convert(expr, depth).map(Box::new);
    Ok(match expr {
        Expr::Ident(name) => Tree::Name(name.clone()),
        Expr::Literal(literal) => self::literal(literal)?,
        Expr::List(list) if list.optional_indices.is_empty() => Tree::List(
            list.elements
                .iter()
                .map(|element| convert(&element.expr, depth))
                .collect::<Result<_, _>>()?,
        ),
        Expr::Select(select) if select.test => {
            Tree::Has(inner(&select.operand.expr)?, select.field.clone())
        }
        Expr::Select(select) => Tree::Select(inner(&select.operand.expr)?, select.field.clone()),
        Expr::Comprehension(loop_) => quantified(loop_, depth)?,
        Expr::Call(call) => {
            let arguments: Vec<&Expr> = call.args.iter().map(|argument| &argument.expr).collect();
            match (call.func_name.as_str(), &call.target, arguments.as_slice()) {
                (operators::LOGICAL_AND, None, [a, b]) => Tree::And(inner(a)?, inner(b)?),
                (operators::LOGICAL_OR, None, [a, b]) => Tree::Or(inner(a)?, inner(b)?),
                (operators::LOGICAL_NOT, None, [a]) => Tree::Not(inner(a)?),
                (operators::IN, None, [a, b]) => Tree::In(inner(a)?, inner(b)?),
                (operators::INDEX, None, [a, b]) => Tree::Index(inner(a)?, inner(b)?),
                (operators::NEGATE, None, [a]) => match convert(a, depth)? {
                    Tree::Int(number) => Tree::Int(number.checked_neg().ok_or_else(unsupported)?),
                    Tree::Double(number) => Tree::Double(-number),
                    _ => return Err(unsupported()),
                },
                ("timestamp", None, [a]) => Tree::Timestamp(inner(a)?),
                (name @ ("startsWith" | "endsWith" | "contains"), Some(receiver), [a]) => {
                    Tree::Method(inner(&receiver.expr)?, name.to_owned(), inner(a)?)
                }
                (name, None, [a, b]) if comparison(name).is_some() => {
                    let Some(comparison) = comparison(name) else { return Err(unsupported()) };
                    Tree::Compare(comparison, inner(a)?, inner(b)?)
                }
                _ => return Err(unsupported()),
            }
        }
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
            return Err(unsupported());
        }
    })
}

fn literal(literal: &LiteralValue) -> Result<Tree, ConditionError> {
    Ok(match literal {
        LiteralValue::Boolean(value) => Tree::Bool(*value.inner()),
        LiteralValue::Double(value) if value.inner().is_finite() => Tree::Double(*value.inner()),
        LiteralValue::Int(value) => Tree::Int(*value.inner()),
        LiteralValue::Null => Tree::Null,
        LiteralValue::String(value) => Tree::String(value.inner().to_owned()),
        LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => {
            return Err(unsupported());
        }
    })
}

/// `exists` and `all` arrive expanded; only exactly their shapes are read back.
fn quantified(loop_: &ComprehensionExpr, depth: u16) -> Result<Tree, ConditionError> {
    let begins = match &loop_.accu_init.expr {
        Expr::Literal(LiteralValue::Boolean(value)) => *value.inner(),
        _ => return Err(unsupported()),
    };
    let is_result = |expr: &Expr| matches!(expr, Expr::Ident(name) if *name == loop_.accu_var);
    let Expr::Call(step) = &loop_.loop_step.expr else { return Err(unsupported()) };
    let wanted = if begins { operators::LOGICAL_AND } else { operators::LOGICAL_OR };
    let [result, body] = step.args.as_slice() else { return Err(unsupported()) };
    if step.func_name != wanted
        || step.target.is_some()
        || loop_.iter_var2.is_some()
        || !is_result(&result.expr)
        || !is_result(&loop_.result.expr)
    {
        return Err(unsupported());
    }
    Ok(Tree::Quantified {
        every: begins,
        list: Box::new(convert(&loop_.iter_range.expr, depth)?),
        variable: loop_.iter_var.clone(),
        body: Box::new(convert(&body.expr, depth)?),
    })
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn unsupported() -> ConditionError {
    ConditionError::new(
        "the condition uses a part of CEL that conditions do not have",
        "comparisons, `&&`, `||`, `!`, `in`, `startsWith`, `endsWith`, `contains`, `exists`, `all`, \
         `has`, `timestamp(\"…\")`, and literals",
    )
}
