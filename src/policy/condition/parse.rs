//! Text to [`Syntax`], through the parser of the `cel` crate.
//!
//! This is the only file that knows that crate. Its Pratt parser is hidden from its documentation,
//! so its version is pinned exactly. Lexing does not recurse: the tokens are looked at first, so
//! that the parser only sees text whose tree is shallow and whose tokens mean something here.

mod complaint;

use super::scan::{Depth, Shape};
use super::syntax::{Comparison, Syntax, TextTest};
use super::{ConditionError, MAX_LENGTH};
use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators as cel_operators,
};
use cel::parser::PrattParser;
use cel::parser::pratt_parser::{Lexer, TokenKind};
use complaint::{syntax_error, unreadable};

/// What a condition may be made of, for errors.
const SUPPORTED: &str = "names, literals, `==`, `!=`, `<`, `<=`, `>`, `>=`, `&&`, `||`, `!`, `in`, \
    `startsWith`, `endsWith`, `contains`, `exists`, `all`, `has` or `timestamp`";

/// Reads one condition.
pub(super) fn parse(text: &str) -> Result<Syntax, Vec<ConditionError>> {
    if text.len() > MAX_LENGTH {
        return Err(vec![ConditionError::new(
            format!("the condition is {} bytes long", text.len()),
            format!("at most {MAX_LENGTH}"),
        )]);
    }
    scan(text)?;
    let parsed = PrattParser::new().error_recovery_limit(0).parse(text);
    let tree = parsed.map_err(|errors| {
        let positions = errors.errors.iter().filter(|error| error.pos.0 > 0);
        vec![syntax_error(text, positions.map(|error| (error.pos, error.msg.as_str())).min())]
    })?;
    let mut converter = Converter { errors: Vec::new() };
    let syntax = converter.expression(&tree.expr);
    if converter.errors.is_empty() { Ok(syntax) } else { Err(converter.errors) }
}

/// Refuses tokens that mean nothing in a condition, and trees too deep to recurse into.
fn scan(text: &str) -> Result<(), Vec<ConditionError>> {
    let mut errors: Vec<ConditionError> = Vec::new();
    let mut depth = Depth::new();
    let mut lexer = Lexer::new(text);
    let mut after_operand = false;
    let mut is_empty = true;
    loop {
        let token = lexer.lex();
        let shape = match token.kind {
            TokenKind::TokEnd => break,
            TokenKind::TokWhitespace | TokenKind::TokComment => continue,
            kind => shape(kind),
        };
        is_empty = false;
        let written = text.get(token.start..token.end).unwrap_or_default();
        let unsupported = match token.kind {
            TokenKind::TokError => {
                errors.push(unreadable(text, token.start));
                break;
            }
            TokenKind::TokEqual => {
                errors.push(ConditionError::new("`=` is not an operator", "`==`"));
                None
            }
            TokenKind::TokMinus => {
                let mut ahead = Lexer::new(text.get(token.end..).unwrap_or_default());
                let next = ahead.lex().kind;
                let is_sign =
                    !after_operand && matches!(next, TokenKind::TokInt | TokenKind::TokFloat);
                (!is_sign).then_some("arithmetic")
            }
            TokenKind::TokPlus
            | TokenKind::TokAsterisk
            | TokenKind::TokSlash
            | TokenKind::TokPercent => Some("arithmetic"),
            TokenKind::TokQuestion => Some("the conditional `?:`"),
            TokenKind::TokLeftBrace | TokenKind::TokRightBrace => Some("`{}`"),
            TokenKind::TokBytes => Some("a bytes literal"),
            TokenKind::TokUint => Some("an unsigned literal"),
            TokenKind::TokIdent if written.starts_with('`') => Some("a name in backticks"),
            _ => None,
        };
        errors.extend(unsupported.map(|what| {
            ConditionError::new(format!("{what} is not supported in conditions"), SUPPORTED)
        }));
        depth.token(shape);
        after_operand = matches!(shape, Shape::Leaf | Shape::Close);
    }
    if is_empty {
        errors.push(ConditionError::new(
            "the condition is empty",
            "a test, such as `resource.tenant == subject.tenant`",
        ));
    }
    if !depth.stays_bounded() {
        errors.push(ConditionError::new(
            "the condition is nested too deeply",
            "at most 24 brackets inside each other and 64 operators on top of each other",
        ));
    }
    let mut seen = Vec::new();
    errors.retain(|error| {
        !seen.contains(error) && {
            seen.push(error.clone());
            true
        }
    });
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

const fn shape(kind: TokenKind) -> Shape {
    match kind {
        TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
            Shape::Open
        }
        TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
            Shape::Close
        }
        TokenKind::TokComma | TokenKind::TokLogicalAnd | TokenKind::TokLogicalOr => {
            Shape::Separator
        }
        TokenKind::TokIdent
        | TokenKind::TokReservedWord
        | TokenKind::TokNull
        | TokenKind::TokTrue
        | TokenKind::TokFalse
        | TokenKind::TokInt
        | TokenKind::TokUint
        | TokenKind::TokFloat
        | TokenKind::TokString
        | TokenKind::TokBytes => Shape::Leaf,
        _ => Shape::Stacked,
    }
}

/// Turns the parser's tree into ours and notes what it has no place for.
struct Converter {
    errors: Vec<ConditionError>,
}

impl Converter {
    fn expression(&mut self, expression: &Expr) -> Syntax {
        match expression {
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(fold) => self.fold(fold),
            Expr::Ident(name) => Syntax::Name(name.clone()),
            Expr::List(list) => {
                Syntax::List(list.elements.iter().map(|one| self.expression(&one.expr)).collect())
            }
            Expr::Literal(literal) => self.literal(literal),
            Expr::Select(select) => {
                let base = Box::new(self.expression(&select.operand.expr));
                let member = Syntax::Member(base, select.field.clone());
                if select.test { Syntax::Has(Box::new(member)) } else { member }
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => self.unsupported("`{}`"),
        }
    }

    fn literal(&mut self, literal: &LiteralValue) -> Syntax {
        match literal {
            LiteralValue::Boolean(value) => Syntax::Bool(*value.inner()),
            LiteralValue::Bytes(_) => self.unsupported("a bytes literal"),
            LiteralValue::Double(value) => Syntax::Double(*value.inner()),
            LiteralValue::Int(value) => Syntax::Int(*value.inner()),
            LiteralValue::Null => Syntax::Null,
            LiteralValue::String(value) => Syntax::String(value.inner().to_owned()),
            LiteralValue::UInt(_) => self.unsupported("an unsigned literal"),
        }
    }

    fn call(&mut self, call: &CallExpr) -> Syntax {
        match (call.target.as_deref(), call.args.as_slice()) {
            (None, [only]) => self.unary(&call.func_name, &only.expr),
            (None, [left, right]) => self.binary(&call.func_name, left, right),
            (Some(target), [part]) => {
                let test = match call.func_name.as_str() {
                    "contains" => TextTest::Contains,
                    "endsWith" => TextTest::EndsWith,
                    "startsWith" => TextTest::StartsWith,
                    other => return self.unknown_function(other),
                };
                let text = Box::new(self.expression(&target.expr));
                Syntax::Text { test, text, part: Box::new(self.expression(&part.expr)) }
            }
            _ => self.unknown_function(&call.func_name),
        }
    }

    fn unary(&mut self, function: &str, operand: &Expr) -> Syntax {
        match (function, operand) {
            (cel_operators::LOGICAL_NOT, _) => Syntax::Not(Box::new(self.expression(operand))),
            (cel_operators::NEGATE, Expr::Literal(LiteralValue::Int(value))) => {
                Syntax::Int(value.inner().saturating_neg())
            }
            (cel_operators::NEGATE, Expr::Literal(LiteralValue::Double(value))) => {
                Syntax::Double(-value.inner())
            }
            (cel_operators::NEGATE, _) => self.unsupported("arithmetic"),
            ("timestamp", Expr::Literal(LiteralValue::String(text))) => {
                Syntax::Timestamp(text.inner().to_owned())
            }
            ("timestamp", other) => {
                let other = self.expression(other);
                self.refuse(
                    format!("`timestamp({other})` is not of a literal"),
                    "text as in RFC 3339, such as `timestamp(\"2026-11-24T09:30:00Z\")`",
                )
            }
            (other, _) => self.unknown_function(other),
        }
    }

    fn binary(&mut self, function: &str, left: &IdedExpr, right: &IdedExpr) -> Syntax {
        let operator = match function {
            cel_operators::LOGICAL_AND => return Syntax::And(self.chain(function, left, right)),
            cel_operators::LOGICAL_OR => return Syntax::Or(self.chain(function, left, right)),
            cel_operators::IN => {
                let item = Box::new(self.expression(&left.expr));
                return Syntax::In { item, list: Box::new(self.expression(&right.expr)) };
            }
            cel_operators::INDEX => return self.index(left, right),
            cel_operators::EQUALS => Comparison::Equal,
            cel_operators::NOT_EQUALS => Comparison::NotEqual,
            cel_operators::LESS => Comparison::Less,
            cel_operators::LESS_EQUALS => Comparison::LessOrEqual,
            cel_operators::GREATER => Comparison::Greater,
            cel_operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
            cel_operators::ADD
            | cel_operators::SUBSTRACT
            | cel_operators::MULTIPLY
            | cel_operators::DIVIDE
            | cel_operators::MODULO => return self.unsupported("arithmetic"),
            other => return self.unknown_function(other),
        };
        let left = Box::new(self.expression(&left.expr));
        Syntax::Compare { operator, left, right: Box::new(self.expression(&right.expr)) }
    }

    /// The parser balances `a && b && c` into a tree; here it is one list, in the author's order.
    fn chain(&mut self, function: &str, left: &IdedExpr, right: &IdedExpr) -> Vec<Syntax> {
        let mut parts = Vec::new();
        for side in [left, right] {
            match &side.expr {
                Expr::Call(CallExpr { func_name, target: None, args }) if func_name == function => {
                    if let [left, right] = args.as_slice() {
                        parts.extend(self.chain(function, left, right));
                    }
                }
                other => parts.push(self.expression(other)),
            }
        }
        parts
    }

    fn index(&mut self, base: &IdedExpr, index: &IdedExpr) -> Syntax {
        let base = Box::new(self.expression(&base.expr));
        match self.expression(&index.expr) {
            Syntax::String(name) => Syntax::Member(base, name),
            Syntax::Int(at) if u32::try_from(at).is_ok() => {
                Syntax::Element(base, u32::try_from(at).unwrap_or(u32::MAX))
            }
            Syntax::Invalid => Syntax::Invalid,
            other => self.refuse(
                format!("`{base}[{other}]` has no literal index"),
                "a text or a number that is not negative, such as `args.list[0]`",
            ),
        }
    }

    /// Recognises what the parser made of `exists` and `all`; the other macros fold otherwise.
    fn fold(&mut self, fold: &ComprehensionExpr) -> Syntax {
        let Some((every, test)) = folded_test(fold) else {
            return self.unsupported("a fold other than `exists` and `all`");
        };
        Syntax::Fold {
            every,
            list: Box::new(self.expression(&fold.iter_range.expr)),
            variable: fold.iter_var.clone(),
            test: Box::new(self.expression(test)),
        }
    }

    fn unknown_function(&mut self, name: &str) -> Syntax {
        self.refuse(format!("`{name}` is not a function of conditions"), SUPPORTED)
    }

    fn unsupported(&mut self, what: &str) -> Syntax {
        self.refuse(format!("{what} is not supported in conditions"), SUPPORTED)
    }

    fn refuse(&mut self, message: String, expected: &str) -> Syntax {
        let error = ConditionError::new(message, expected);
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        Syntax::Invalid
    }
}

/// The test of `exists` (false) or `all` (true), where the fold has exactly that macro's shape.
fn folded_test(fold: &ComprehensionExpr) -> Option<(bool, &Expr)> {
    let is_accumulator = |expr: &Expr| matches!(expr, Expr::Ident(name) if *name == fold.accu_var);
    let Expr::Literal(LiteralValue::Boolean(start)) = &fold.accu_init.expr else {
        return None;
    };
    let every = *start.inner();
    let step = if every { cel_operators::LOGICAL_AND } else { cel_operators::LOGICAL_OR };
    let [accumulator, test] = operands(&fold.loop_step.expr, step)? else {
        return None;
    };
    let [goes_on] = operands(&fold.loop_cond.expr, cel_operators::NOT_STRICTLY_FALSE)? else {
        return None;
    };
    let goes_on = match operands(&goes_on.expr, cel_operators::LOGICAL_NOT) {
        Some([inner]) if !every => &inner.expr,
        _ if every => &goes_on.expr,
        _ => return None,
    };
    let has_shape = fold.iter_var2.is_none()
        && is_accumulator(&accumulator.expr)
        && is_accumulator(goes_on)
        && is_accumulator(&fold.result.expr);
    has_shape.then_some((every, &test.expr))
}

fn operands<'a>(expression: &'a Expr, function: &str) -> Option<&'a [IdedExpr]> {
    match expression {
        Expr::Call(call) if call.target.is_none() && call.func_name == function => Some(&call.args),
        _ => None,
    }
}
