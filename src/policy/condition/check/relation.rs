//! Tests that set one value beside another: comparisons, `in`, and tests of text.

use super::Checker;
use super::operand::agree;
use crate::policy::condition::Slot;
use crate::policy::condition::names::one_of;
use crate::policy::condition::syntax::{Comparison, Syntax, TextTest};
use crate::policy::condition::tree::{Node, Operand};
use crate::policy::value::{Value, ValueType};
use crate::request::Action;

impl<'a> Checker<'a> {
    pub(super) fn compare(
        &mut self,
        operator: Comparison,
        left: &'a Syntax,
        right: &'a Syntax,
    ) -> Option<Node> {
        match (left, right) {
            (Syntax::Null, Syntax::Null) => {}
            (Syntax::Null, value) | (value, Syntax::Null) => {
                return self.compare_with_null(operator, value);
            }
            _ => {}
        }
        let checked = (self.operand(left), self.operand(right));
        let ((left_operand, left_type), (right_operand, right_type)) = (checked.0?, checked.1?);
        let symbol = operator.symbol();
        if !agree(&left_type, &right_type) {
            let expected = match (&left_type, &right_type) {
                (ValueType::List(element), one)
                    if operator.is_equality() && agree(element, one) =>
                {
                    format!("two values of one type, or `{right} in {left}`")
                }
                (one, ValueType::List(element))
                    if operator.is_equality() && agree(one, element) =>
                {
                    format!("two values of one type, or `{left} in {right}`")
                }
                _ => "two values of one type".to_owned(),
            };
            return self.refuse(
                format!("`{left} {symbol} {right}` compares {left_type} with {right_type}"),
                expected,
            );
        }
        for (side, value_type) in [(left, &left_type), (right, &right_type)] {
            if !operator.is_equality() && matches!(value_type, ValueType::Bool | ValueType::List(_))
            {
                return self.refuse(
                    format!("`{side}` is {value_type}, which has no order for `{symbol}`"),
                    "int, double, string or timestamp",
                );
            }
        }
        if operator.is_equality() {
            self.possible(&left_operand, &right_operand)?;
            self.possible(&right_operand, &left_operand)?;
        }
        Some(Node::Compare { operator, left: left_operand, right: right_operand })
    }

    fn compare_with_null(&mut self, operator: Comparison, value: &'a Syntax) -> Option<Node> {
        if !operator.is_equality() {
            return self.refuse(
                format!("`null` has no order for `{}`", operator.symbol()),
                "`==` or `!=`",
            );
        }
        let (operand, value_type) = self.operand(value)?;
        if value_type != ValueType::Dyn {
            let expected = match operand {
                Operand::Slot(_) => format!("a dyn value, or `has({value})`"),
                _ => "a dyn value".to_owned(),
            };
            return self.refuse(format!("`{value}` is {value_type}, and never `null`"), expected);
        }
        let is_null = Node::IsNull(operand);
        Some(match operator {
            Comparison::NotEqual => Node::Not(Box::new(is_null)),
            _ => is_null,
        })
    }

    pub(super) fn contained(&mut self, item: &'a Syntax, list: &'a Syntax) -> Option<Node> {
        let checked = (self.operand(item), self.operand(list));
        let ((item_operand, item_type), (list_operand, list_type)) = (checked.0?, checked.1?);
        let element = match list_type {
            ValueType::List(element) => *element,
            ValueType::Dyn => ValueType::Dyn,
            ValueType::String => {
                return self.refuse(
                    format!("`{list}` is string, and `in` looks into lists"),
                    format!("a list, or `{list}.contains({item})`"),
                );
            }
            other => {
                return self
                    .refuse(format!("`{list}` is {other}, and `in` looks into lists"), "a list");
            }
        };
        if matches!(item_type, ValueType::List(_)) || !agree(&item_type, &element) {
            return self.refuse(
                format!("`{item} in {list}` looks for {item_type} among {element}"),
                "a value of the type of the elements",
            );
        }
        match list_operand {
            Operand::Value(Value::List(values)) => self.contained_in_literal(item_operand, values),
            list => Some(Node::In { item: item_operand, list }),
        }
    }

    fn contained_in_literal(&mut self, item: Operand, values: Vec<Value>) -> Option<Node> {
        let mut strings = Vec::new();
        for value in &values {
            if let Value::String(text) = value {
                self.possible_text(&item, text)?;
                strings.push(text.as_str());
            }
        }
        if strings.len() != values.len() || strings.is_empty() {
            return Some(Node::In { item, list: Operand::Value(Value::List(values)) });
        }
        strings.sort_unstable();
        strings.dedup();
        Some(Node::InStrings { item, strings: strings.into_iter().map(Box::from).collect() })
    }

    pub(super) fn text(
        &mut self,
        test: TextTest,
        text: &'a Syntax,
        part: &'a Syntax,
    ) -> Option<Node> {
        let checked = (self.operand(text), self.operand(part));
        let ((text_operand, text_type), (part_operand, part_type)) = (checked.0?, checked.1?);
        for (side, value_type) in [(text, text_type), (part, part_type)] {
            if !agree(&value_type, &ValueType::String) {
                let expected = match (test, value_type.clone()) {
                    (TextTest::Contains, ValueType::List(_)) => {
                        format!("string, or `{part} in {text}`")
                    }
                    _ => "string".to_owned(),
                };
                return self.refuse(
                    format!("`{}` is a test of strings, and `{side}` is {value_type}", test.name()),
                    expected,
                );
            }
        }
        Some(Node::Text { test, text: text_operand, part: part_operand })
    }

    /// Refuses a comparison with a literal that the fact can never be: a slip of the pen.
    fn possible(&mut self, fact: &Operand, literal: &Operand) -> Option<()> {
        match literal {
            Operand::Value(Value::String(text)) => self.possible_text(fact, text),
            _ => Some(()),
        }
    }

    fn possible_text(&mut self, fact: &Operand, text: &str) -> Option<()> {
        let (name, values) = match fact {
            Operand::Slot(Slot::Action) => ("action", Action::ALL.map(Action::name).to_vec()),
            Operand::Slot(Slot::ActorMode) => ("actor.mode", vec!["delegated", "independent"]),
            _ => return Some(()),
        };
        if values.contains(&text) {
            return Some(());
        }
        let values: Vec<String> = values.iter().map(|value| format!("`\"{value}\"`")).collect();
        self.refuse(format!("`{name}` is never `{text:?}`"), one_of(&values))
    }
}
