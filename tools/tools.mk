# tools: rules of this folder
