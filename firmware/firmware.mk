# firmware: rules of this folder
