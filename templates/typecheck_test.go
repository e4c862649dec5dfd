package templates

import (
	"fmt"
	"html/template"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template/parse"
)

// TestTemplatesFitTheirStructs walks every branch of every page, also those
// that no rendering reaches, with the types of the page's struct.
func TestTemplatesFitTheirStructs(t *testing.T) {
	set, err := parsePages("en")
	if err != nil {
		t.Fatal(err)
	}
	functions := english(t).functions()
	used := map[string]bool{}
	for _, page := range samples() {
		used[page.template()] = true
		c := checker{set: set[page.template()], funcs: functions, seen: map[string]bool{}}
		c.template("layout", reflect.TypeOf(page))
		for _, problem := range c.problems {
			t.Errorf("%s: %s", page.template(), problem)
		}
	}
	for name := range set {
		if !used[name] {
			t.Errorf("page/%s.html has no struct among the samples", name)
		}
	}
}

// TestCheckerSees proves that the check above can fail.
func TestCheckerSees(t *testing.T) {
	functions := english(t).functions()
	for source, want := range map[string]string{
		`{{.Usernam}}`: "no field or method Usernam",
		`{{if .Reauthenticate}}{{else}}{{.Nope}}{{end}}`: "no field or method Nope",
		`{{with .Username}}{{.Bytes}}{{end}}`:            "no field or method Bytes",
		`{{range .Username}}{{end}}`:                     "cannot range over",
		`{{template "part" .Username}}`:                  "no field or method CSRF",
		`{{template "missing"}}`:                         `no template "missing"`,
		`{{with .Client}}{{$.Nope}}{{end}}`:              "no field or method Nope",
		`{{eq .RetryAfter "soon"}}`:                      "cannot compare",
		`{{https .RetryAfter}}`:                          "argument 1 of https",
		`{{.RetryAfter.Round}}`:                          "wants arguments",
		`{{.RetryAfter.Round 1 2}}`:                      "no method .RetryAfter.Round",
		`{{.Nope.Round 1}}`:                              "no field or method Nope",
		`{{$x := .Username}}{{$x.Y}}`:                    "no field or method Y",
		`{{if or .Username (eq .Missing "x")}}a{{end}}`:  "no field or method Missing",
		`{{template "part" .}}{{.Layout.CSRF}}{{.Flow}}`: "",
		`{{range .Client | printf "%s"}}{{.}}{{end}}`:    "cannot range over",
	} {
		set := template.Must(template.New("main").Funcs(functions).Parse(source + `{{define "part"}}{{.CSRF}}{{end}}`))
		c := checker{set: set, funcs: functions, seen: map[string]bool{}}
		c.template("main", reflect.TypeFor[SignIn]())
		got := strings.Join(c.problems, "; ")
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: problems %q, want %q", source, got, want)
		}
	}
}

type checker struct {
	set      *template.Template
	funcs    template.FuncMap
	seen     map[string]bool
	problems []string
}

// scope is the dot and the variables at one place of a template.
type scope struct {
	dot  reflect.Type
	vars map[string]reflect.Type
}

func (s scope) with(dot reflect.Type) scope { return scope{dot, maps.Clone(s.vars)} }

func (c *checker) fail(format string, args ...any) reflect.Type {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
	return nil
}

// template checks one template for one type of dot; nil is "no data" or a type
// that has already been complained about.
func (c *checker) template(name string, dot reflect.Type) {
	key := fmt.Sprintf("%s(%v)", name, dot)
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	t := c.set.Lookup(name)
	if t == nil || t.Tree == nil {
		c.fail("no template %q", name)
		return
	}
	c.list(t.Tree.Root, scope{dot, map[string]reflect.Type{"$": dot}})
}

func (c *checker) list(list *parse.ListNode, s scope) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.TextNode, *parse.CommentNode:
		case *parse.ActionNode:
			c.pipe(n.Pipe, s)
		case *parse.IfNode:
			inner := s.with(s.dot)
			c.pipe(n.Pipe, inner)
			c.list(n.List, inner)
			c.list(n.ElseList, s.with(s.dot))
		case *parse.WithNode:
			inner := s.with(s.dot)
			inner.dot = c.pipe(n.Pipe, inner)
			c.list(n.List, inner)
			c.list(n.ElseList, s.with(s.dot))
		case *parse.RangeNode:
			if len(n.Pipe.Decl) > 0 {
				c.fail("the checker does not know range with variables")
			}
			c.list(n.List, s.with(c.element(c.pipe(n.Pipe, s.with(s.dot)))))
			c.list(n.ElseList, s.with(s.dot))
		case *parse.TemplateNode:
			var dot reflect.Type
			if n.Pipe != nil {
				dot = c.pipe(n.Pipe, s)
			}
			c.template(n.Name, dot)
		default:
			c.fail("the checker does not know %T", n)
		}
	}
}

func (c *checker) element(t reflect.Type) reflect.Type {
	switch {
	case t == nil:
		return nil
	case t.Kind() == reflect.Slice:
		return t.Elem()
	}
	return c.fail("cannot range over %v", t)
}

func (c *checker) pipe(pipe *parse.PipeNode, s scope) reflect.Type {
	var result reflect.Type
	for i, command := range pipe.Cmds {
		result = c.command(command, s, i > 0, result)
	}
	for _, v := range pipe.Decl {
		s.vars[v.Ident[0]] = result
	}
	return result
}

// command is the type of one command; piped adds the result before it as the
// last argument.
func (c *checker) command(command *parse.CommandNode, s scope, piped bool, last reflect.Type) reflect.Type {
	f, isCall := command.Args[0].(*parse.IdentifierNode)
	if !isCall {
		if field, isField := command.Args[0].(*parse.FieldNode); isField && len(command.Args) > 1 {
			return c.method(field, s, len(command.Args)-1)
		}
		if len(command.Args) > 1 || piped {
			return c.fail("%v is not a call", command)
		}
		return c.operand(command.Args[0], s)
	}
	var args []reflect.Type
	for _, arg := range command.Args[1:] {
		args = append(args, c.operand(arg, s))
	}
	if piped {
		args = append(args, last)
	}
	return c.call(f.Ident, args)
}

// method is a call with arguments, such as .Format of an instant.
func (c *checker) method(field *parse.FieldNode, s scope, args int) reflect.Type {
	last := len(field.Ident) - 1
	receiver := c.chain(s.dot, field.Ident[:last])
	if receiver == nil {
		return nil
	}
	method, found := receiver.MethodByName(field.Ident[last])
	if !found || method.Type.NumIn() != args+1 {
		return c.fail("no method %v of %v with %d arguments", field, receiver, args)
	}
	return method.Type.Out(0)
}

func (c *checker) call(name string, args []reflect.Type) reflect.Type {
	switch name {
	case "and", "or":
		return args[len(args)-1]
	case "t":
		return reflect.TypeFor[template.HTML]()
	case "not":
		return reflect.TypeFor[bool]()
	case "len":
		return reflect.TypeFor[int]()
	case "printf":
		return reflect.TypeFor[string]()
	case "eq", "ne", "lt", "le", "gt", "ge":
		for _, t := range args[1:] {
			if t != nil && args[0] != nil && t.Kind() != args[0].Kind() {
				c.fail("cannot compare %v with %v", args[0], t)
			}
		}
		return reflect.TypeFor[bool]()
	}
	f, known := c.funcs[name]
	if !known {
		return c.fail("the checker does not know the function %s", name)
	}
	sig := reflect.TypeOf(f)
	if sig.NumIn() != len(args) {
		return c.fail("%s takes %d arguments, not %d", name, sig.NumIn(), len(args))
	}
	for i, t := range args {
		if t != nil && !t.AssignableTo(sig.In(i)) {
			c.fail("argument %d of %s is %v, not %v", i+1, name, t, sig.In(i))
		}
	}
	return sig.Out(0)
}

func (c *checker) operand(node parse.Node, s scope) reflect.Type {
	switch n := node.(type) {
	case *parse.DotNode:
		return s.dot
	case *parse.FieldNode:
		return c.chain(s.dot, n.Ident)
	case *parse.VariableNode:
		t, known := s.vars[n.Ident[0]]
		if !known {
			return c.fail("no variable %s", n.Ident[0])
		}
		return c.chain(t, n.Ident[1:])
	case *parse.ChainNode:
		return c.chain(c.operand(n.Node, s), n.Field)
	case *parse.PipeNode:
		return c.pipe(n, s)
	case *parse.IdentifierNode:
		return c.call(n.Ident, nil)
	case *parse.StringNode:
		return reflect.TypeFor[string]()
	case *parse.NumberNode:
		return reflect.TypeFor[int]()
	case *parse.BoolNode:
		return reflect.TypeFor[bool]()
	}
	return c.fail("the checker does not know the operand %T", node)
}

func (c *checker) chain(t reflect.Type, names []string) reflect.Type {
	for _, name := range names {
		if t == nil {
			return c.fail("%s of nothing", strings.Join(names, "."))
		}
		t = c.member(t, name)
		if t == nil {
			return nil
		}
	}
	return t
}

func (c *checker) member(t reflect.Type, name string) reflect.Type {
	if method, found := t.MethodByName(name); found {
		if method.Type.NumIn() != 1 {
			return c.fail("%s of %v wants arguments", name, t)
		}
		return method.Type.Out(0)
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		if field, found := t.FieldByName(name); found && field.IsExported() {
			return field.Type
		}
	}
	return c.fail("no field or method %s in %v", name, t)
}

// TestEveryStructIsSampled keeps the other tests honest: a page struct that is
// missing from the samples would be checked by nothing.
func TestEveryStructIsSampled(t *testing.T) {
	var names []string
	for _, page := range samples() {
		names = append(names, reflect.TypeOf(page).Name())
	}
	for _, name := range pageStructs(t) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not among the samples", name)
		}
	}
}
