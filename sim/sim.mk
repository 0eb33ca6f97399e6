# sim: rules of this folder
