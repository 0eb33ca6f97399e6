# host: rules of this folder
