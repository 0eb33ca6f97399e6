# tests: rules of this folder
