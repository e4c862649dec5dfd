package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// mistakes is what is wrong in a file of routes, each with its line.
type mistakes struct {
	root *yaml.Node
	all  []error
}

// typeName is how the decoder ends what it says of an unknown key.
var typeName = regexp.MustCompile(`field (\S+) not found in type guard\.\w+`)

// decode reads the file. What no YAML decoder can make sense of is the error; the
// rest is for [mistakes].
func decode(text []byte) (c Config, found *mistakes, err error) {
	found = &mistakes{root: &yaml.Node{}}
	if err := yaml.Unmarshal(text, found.root); err != nil {
		return c, nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err = decoder.Decode(&c)
	if typed, is := errors.AsType[*yaml.TypeError](err); is {
		for _, text := range typed.Errors {
			found.all = append(found.all, errors.New(typeName.ReplaceAllString(text, "the key $1 is not known here")))
		}
		return c, found, nil
	}
	switch {
	case errors.Is(err, io.EOF):
		return c, nil, errors.New("the file is empty")
	case err != nil:
		return c, nil, err
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return c, nil, errors.New("there is a second document in the file")
	}
	return c, found, nil
}

// add notes what is wrong at a place, named by keys and, in lists, by numbers.
func (m *mistakes) add(text string, place ...any) {
	line := 1
	node := m.root
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	var name strings.Builder
	for _, step := range place {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&name, "[%d]", step)
		case string:
			if name.Len() > 0 {
				name.WriteByte('.')
			}
			name.WriteString(step)
		}
		if node != nil {
			if node = within(node, step); node != nil {
				line = node.Line
			}
		}
	}
	m.all = append(m.all, fmt.Errorf("line %d: %s: %s", line, name.String(), text))
}

// within is what stands under a key or a number, nil for nothing.
func within(node *yaml.Node, step any) *yaml.Node {
	switch step := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && step < len(node.Content) {
			return node.Content[step]
		}
	case string:
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1]
			}
		}
	}
	return nil
}
