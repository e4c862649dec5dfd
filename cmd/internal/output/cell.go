package output

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// nothing stands in a table where there is no value.
const nothing = "-"

// cell is a value as a table shows it, on one line.
func cell(v reflect.Value) string {
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nothing
		}
		return cell(v.Elem())
	}
	s := Visible(plain(v))
	if s == "" {
		return nothing
	}
	return s
}

func plain(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format("2006-01-02 15:04:05Z")
	case json.RawMessage:
		return string(x)
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err == nil {
			return string(text)
		}
	}
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = plain(v.Index(i))
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v.Interface())
}
