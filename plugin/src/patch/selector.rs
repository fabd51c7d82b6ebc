//! The grammar of `sel` and `type` (RFC 5261 sections 4.1 and 8): a small part of XPath. Names
//! are resolved where they are read, by the declarations of the patch, and an element
//! without prefix is in the default namespace (section 4.2.1).

use super::Problem;
use crate::xml::lexical::is_name;
use crate::xml::{Namespace, Scope};

/// A selector, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector<'s> {
    /// Start at the element with this identifier, not at the document.
    pub id: Option<&'s str>,
    /// From there, child by child.
    pub steps: Vec<Step<'s>>,
    /// What of the node is meant.
    pub last: Last<'s>,
}

/// One step, to children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'s> {
    /// Which children.
    pub test: Test<'s>,
    /// Which of these, one condition after the other.
    pub conditions: Vec<Condition<'s>>,
}

/// What children a step leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test<'s> {
    /// `*`
    Any,
    /// Elements of that name.
    Named(QualifiedName<'s>),
    /// `text()`
    Text,
    /// `comment()`
    Comment,
    /// `processing-instruction()`, perhaps of one target.
    Instruction(Option<&'s str>),
}

/// A name with its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualifiedName<'s> {
    /// The prefix as written.
    pub prefix: &'s str,
    /// What it stands for.
    pub namespace: Namespace,
    /// The local part.
    pub local: &'s str,
}

/// A predicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition<'s> {
    /// `[2]`: the second of those left.
    Place(usize),
    /// `[@name='value']`
    Attribute(QualifiedName<'s>, &'s str),
    /// `[name='value']`: a child element with that text.
    Child(QualifiedName<'s>, &'s str),
    /// `[.='value']`: with that text itself.
    Own(&'s str),
}

/// What of a node a selector means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last<'s> {
    /// The node.
    Node,
    /// An attribute.
    Attribute(QualifiedName<'s>),
    /// The declaration of a prefix.
    Declaration(&'s str),
}

const INVALID: Problem = Problem::AttributeValue("selector");

impl<'s> Selector<'s> {
    /// Reads the value of `sel`.
    pub(super) fn parse(text: &'s str, scope: &Scope<'_>) -> Result<Self, Problem> {
        let mut cursor = Cursor { rest: text, scope };
        let _ = cursor.take("/");
        let mut selector = Self { id: None, steps: Vec::new(), last: Last::Node };
        if let Some(id) = cursor.function("id(")? {
            selector.id = Some(id.ok_or(INVALID)?);
            if cursor.rest.is_empty() {
                return Ok(selector);
            }
            cursor.expect("/")?;
        }
        loop {
            if let Some(last) = cursor.last()? {
                selector.last = last;
                return if cursor.rest.is_empty() { Ok(selector) } else { Err(INVALID) };
            }
            let step = cursor.step()?;
            let leaf = !matches!(step.test, Test::Any | Test::Named(_));
            selector.steps.push(step);
            if cursor.rest.is_empty() {
                return Ok(selector);
            }
            if leaf {
                // Nothing is inside of text and the like.
                return Err(INVALID);
            }
            cursor.expect("/")?;
        }
    }
}

impl<'s> Last<'s> {
    /// Reads the value of `type`: an attribute or a declaration.
    pub(super) fn parse(text: &'s str, scope: &Scope<'_>) -> Result<Self, Problem> {
        let mut cursor = Cursor { rest: text, scope };
        match cursor.last()? {
            Some(last) if cursor.rest.is_empty() => Ok(last),
            _ => Err(Problem::AttributeValue("type")),
        }
    }
}

struct Cursor<'s, 'c> {
    rest: &'s str,
    scope: &'c Scope<'c>,
}

impl<'s> Cursor<'s, '_> {
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), Problem> {
        if self.take(text) { Ok(()) } else { Err(INVALID) }
    }

    fn last(&mut self) -> Result<Option<Last<'s>>, Problem> {
        if self.take("@") {
            return self.attribute().map(Last::Attribute).map(Some);
        }
        if self.take("namespace::") {
            return self.ncname().map(Last::Declaration).map(Some);
        }
        Ok(None)
    }

    fn step(&mut self) -> Result<Step<'s>, Problem> {
        let test = if self.take("*") {
            Test::Any
        } else if self.take("text()") {
            Test::Text
        } else if self.take("comment()") {
            Test::Comment
        } else if let Some(target) = self.function("processing-instruction(")? {
            Test::Instruction(target)
        } else {
            Test::Named(self.element()?)
        };
        let element = matches!(test, Test::Any | Test::Named(_));
        let mut conditions = Vec::new();
        while self.take("[") {
            let condition = self.condition()?;
            // Nodes that are no elements may be counted, once, and nothing else.
            let counts = conditions.is_empty() && matches!(condition, Condition::Place(_));
            if !element && !counts {
                return Err(INVALID);
            }
            conditions.push(condition);
            self.expect("]")?;
        }
        Ok(Step { test, conditions })
    }

    fn condition(&mut self) -> Result<Condition<'s>, Problem> {
        if self.rest.starts_with(|first: char| first.is_ascii_digit()) {
            let end = self.rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            self.rest = rest;
            // A place beyond all numbers is one that no node has.
            return Ok(Condition::Place(digits.parse().unwrap_or(usize::MAX)));
        }
        if self.take("@") {
            let name = self.attribute()?;
            self.expect("=")?;
            return Ok(Condition::Attribute(name, self.quoted()?));
        }
        if self.take(".") {
            self.expect("=")?;
            return Ok(Condition::Own(self.quoted()?));
        }
        let name = self.element()?;
        self.expect("=")?;
        Ok(Condition::Child(name, self.quoted()?))
    }

    /// A function with a name in quotes, or nothing, between its parentheses; `None` if it is not this one.
    fn function(&mut self, name: &str) -> Result<Option<Option<&'s str>>, Problem> {
        if !self.take(name) {
            return Ok(None);
        }
        if self.take(")") {
            return Ok(Some(None));
        }
        let argument = self.quoted()?;
        self.expect(")")?;
        if is_name(argument) { Ok(Some(Some(argument))) } else { Err(INVALID) }
    }

    fn quoted(&mut self) -> Result<&'s str, Problem> {
        let quote = if self.take("'") {
            '\''
        } else if self.take("\"") {
            '"'
        } else {
            return Err(INVALID);
        };
        let (value, rest) = self.rest.split_once(quote).ok_or(INVALID)?;
        self.rest = rest;
        Ok(value)
    }

    fn ncname(&mut self) -> Result<&'s str, Problem> {
        const ENDS: [char; 12] = [':', '/', '[', ']', '=', '@', '(', ')', '\'', '"', '*', ' '];
        let end = self.rest.find(ENDS).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if is_name(name) { Ok(name) } else { Err(INVALID) }
    }

    fn name(&mut self) -> Result<(&'s str, &'s str), Problem> {
        let first = self.ncname()?;
        if self.take(":") { Ok((first, self.ncname()?)) } else { Ok(("", first)) }
    }

    fn element(&mut self) -> Result<QualifiedName<'s>, Problem> {
        let (prefix, local) = self.name()?;
        let namespace = self.scope.resolve(prefix).ok_or(UNDECLARED)?;
        Ok(QualifiedName { prefix, namespace, local })
    }

    /// Attributes have no default namespace.
    fn attribute(&mut self) -> Result<QualifiedName<'s>, Problem> {
        let (prefix, local) = self.name()?;
        let namespace = match prefix {
            "" => Namespace::NONE,
            prefix => self.scope.resolve(prefix).ok_or(UNDECLARED)?,
        };
        if prefix.is_empty() && local == "xmlns" {
            // Declarations are no attributes in XPath.
            return Err(INVALID);
        }
        Ok(QualifiedName { prefix, namespace, local })
    }
}

const UNDECLARED: Problem = Problem::NamespacePrefix("not declared in the patch");
