// A pod's program for the tests of the node: tells what a pod sees.
//
//	GET /file?path=/x      the content of a file
//	GET /names?of=NAME     the addresses of a name, a line each
//	GET /get?url=URL       what answers there
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	fmt.Println("probe listens on 8080")
	http.HandleFunc("/file", told(func(r *http.Request) (string, error) {
		content, err := os.ReadFile(r.FormValue("path"))
		return string(content), err
	}))
	http.HandleFunc("/names", told(func(r *http.Request) (string, error) {
		found, err := net.LookupHost(r.FormValue("of"))
		return strings.Join(found, "\n"), err
	}))
	http.HandleFunc("/get", told(func(r *http.Request) (string, error) {
		answer, err := http.Get(r.FormValue("url"))
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		return string(content), err
	}))
	fmt.Println(http.ListenAndServe(":8080", nil))
	os.Exit(1)
}

func told(look func(*http.Request) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := look(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, found)
	}
}
