// Every way to say where a diagnostic is expected; the exit status reflects the match alone.
// RUN: %status 0 oxide-opt %s --split-input-file --verify-diagnostics

func.func @same_line() {
  return %x : i32 // expected-error {{undeclared SSA value}}
}

// -----

func.func @line_below() {
  // expected-error@+1 {{undeclared SSA value}}
  return %x : i32
}

// -----

func.func @line_above() {
  return %x : i32
  // expected-error@-1 {{undeclared SSA value}}
}

// -----

func.func @above() {
  return %x : i32
  // expected-error@above {{undeclared SSA value}}
}

// -----

// expected-error@below {{'func.return' op has 0 operands, but enclosing function (@below) returns 1}}
func.func @below() -> i32 { return }
// expected-note@above {{see current operation}}

// -----

// expected-error@+2 {{unregistered operation a.b}}
// expected-error@+2 {{unregistered operation c.d}}
"a.b"() : () -> ()
"c.d"() : () -> ()

// -----

// expected-error@+1 2 {{unregistered operation}}
"a.b"() : () -> () "c.d"() : () -> ()

// -----

// expected-error@unknown {{unregistered operation a.b}}
"a.b"() : () -> () loc(unknown)
